using MoeLora.Cli.Terminals;
using MoeLora.Training.Reports;

namespace MoeLora.Cli.Tests.Terminals;

public sealed class TrainingStatusTests
{
    private static readonly TrainingProgress Training = new() { Phase = "Training", Step = 120, Steps = 8000 };

    [Fact]
    public void Line_OfARun_SaysStepLossSpeedAndTimeLeft()
    {
        TrainingProgress training = Training with { Loss = 9, SmoothedLoss = 1.23456, TokensPerSecond = 4150.4, TimeLeft = new TimeSpan(1, 2, 3, 4) };

        Assert.Equal("Training: step 120 of 8000, loss 1.2346, 4150 tokens/s, 26:03:04 left", TrainingStatus.Line(training));
    }

    [Fact]
    public void Line_BeforeTheFirstStep_SaysWhatIsKnown() => Assert.Equal("Training: step 0 of 8000", TrainingStatus.Line(Training with { Step = 0 }));

    [Fact]
    public async Task Watch_TrainingWithoutATerminal_IsSaidAgainAndAgain()
    {
        var error = new LineChannel();
        var terminal = new Terminal { Out = TextWriter.Null, Error = error, Patience = TimeSpan.Zero, LineInterval = TimeSpan.Zero };
        var progress = new ProgressSource();
        var work = new TaskCompletionSource();
        progress.Begin("Training");
        progress.Report(Training);

        Task watch = progress.WatchAsync(terminal, work.Task);
        Assert.Equal("Training: step 120 of 8000", await error.ReadAsync());
        progress.Report(Training with { Step = 121 });
        string line;
        do
            line = await error.ReadAsync();
        while (line == "Training: step 120 of 8000"); // may be said once more before the report is seen
        Assert.Equal("Training: step 121 of 8000", line);
        work.SetResult();
        await watch;
    }

    [Fact]
    public void Report_OfATraining_IsAlsoTheFractionOfItsStage()
    {
        var progress = new ProgressSource();
        progress.Begin("Training");

        progress.Report(Training with { Step = 2000 });

        Assert.Equal(0.25, progress.Current!.Fraction);
    }
}
