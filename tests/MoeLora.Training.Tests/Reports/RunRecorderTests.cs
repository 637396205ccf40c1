using MoeLora.Training.Reports;
using MoeLora.Training.Reports.Curves;
using MoeLora.Training.Runs;

namespace MoeLora.Training.Tests.Reports;

public sealed class RunRecorderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Clock _clock = new();
    private readonly Reports _reports = new();

    private string Path => _folder.File("metrics.jsonl");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Add_WhatARunTells_IsInTheFile()
    {
        using (var recorder = new RunRecorder(Path, 0, 10, _reports, _clock))
        {
            _clock.Advance(2);
            recorder.Add(Step(1, loss: 1.5, tokens: 300, seconds: 2));
            recorder.Add(new Validated(1, 0.75, IsBest: true));
            recorder.AddCheckpoint(1);
            recorder.End(1, "enough");
        }

        Assert.Equal(
            [
                new MetricEvent { Event = MetricKind.Train, Step = 1, Loss = 1.5, LearningRate = 1e-3, GradientNorm = 4, Tokens = 300, TokensPerSecond = 150, ElapsedSeconds = 2 },
                new MetricEvent { Event = MetricKind.Validation, Step = 1, Loss = 0.75, ElapsedSeconds = 2 },
                new MetricEvent { Event = MetricKind.Checkpoint, Step = 1, ElapsedSeconds = 2 },
                new MetricEvent { Event = MetricKind.End, Step = 1, ElapsedSeconds = 2, Detail = "enough" },
            ],
            MetricsFile.Read(Path));
    }

    [Fact]
    public void Add_Steps_ReportsHowFarTheRunIs()
    {
        using var recorder = new RunRecorder(Path, 0, 10, _reports, _clock);
        Assert.Equal(new TrainingProgress { Phase = "Training", Step = 0, Steps = 10 }, _reports.Last);

        _clock.Advance(4);
        recorder.Add(Step(1, loss: 1, tokens: 300, seconds: 3));
        _clock.Advance(4);
        recorder.Add(Step(2, loss: 3, tokens: 300, seconds: 3));

        Assert.Equal(2, _reports.Last!.Step);
        Assert.Equal(3, _reports.Last.Loss);
        Assert.InRange(_reports.Last.SmoothedLoss!.Value, 2, 2.1); // about the mean of the two, the later a little more
        Assert.Equal(100, _reports.Last.TokensPerSecond!.Value, 9); // of the steps' own time
        Assert.Equal(TimeSpan.FromSeconds(8), _reports.Last.Elapsed);
        Assert.Equal(TimeSpan.FromSeconds(32), _reports.Last.TimeLeft); // 8 steps of 4 seconds
        Assert.Equal(0.2, _reports.Last.Fraction, 12);
    }

    [Fact]
    public void Recorder_OfAResumedRun_GoesOnWithItsTimeAndCountsItsOwnStepsOnly()
    {
        using (var first = new RunRecorder(Path, 0, 10, _reports, _clock))
        {
            _clock.Advance(100);
            first.Add(Step(1, loss: 1, tokens: 1, seconds: 1));
            _clock.Advance(100);
            first.Add(Step(2, loss: 1, tokens: 1, seconds: 1));
        }

        using (var second = new RunRecorder(Path, 1, 10, _reports, _clock))
        {
            _clock.Advance(5);
            second.Add(Step(2, loss: 1, tokens: 1, seconds: 1));
        }

        Assert.Equal([100, 105], MetricsFile.Read(Path).Select(metric => metric.ElapsedSeconds));
        Assert.Equal(TimeSpan.FromSeconds(40), _reports.Last!.TimeLeft); // 8 steps of 5 seconds
    }

    [Fact]
    public void Recorder_OfANewRun_DropsWhatAnotherLeft()
    {
        using (var first = new RunRecorder(Path, 0, 10, _reports, _clock))
            first.AddCheckpoint(0);

        using (var second = new RunRecorder(Path, 0, 10, _reports, _clock))
            Assert.Empty(MetricsFile.Read(Path));
    }

    private static StepTaken Step(long step, double loss, long tokens, double seconds) => new(step, loss, 1e-3, 4, tokens, TimeSpan.FromSeconds(seconds));

    private sealed class Reports : IProgress<TrainingProgress>
    {
        public TrainingProgress? Last { get; private set; }

        public void Report(TrainingProgress value) => Last = value;
    }

    private sealed class Clock : TimeProvider
    {
        private long _seconds;

        public override long TimestampFrequency => 1;

        public void Advance(long seconds) => _seconds += seconds;

        public override long GetTimestamp() => _seconds;
    }
}
