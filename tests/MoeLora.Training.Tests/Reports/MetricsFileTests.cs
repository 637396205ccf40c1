using MoeLora.Training.Reports;
using MoeLora.Training.Reports.Curves;

namespace MoeLora.Training.Tests.Reports;

public sealed class MetricsFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Path => _folder.File("metrics.jsonl");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Read_WhatWasAppended_IsTheSameToTheLastBit()
    {
        MetricEvent[] written =
        [
            new() { Event = MetricKind.Train, Step = 1, Loss = 0.1 + 0.2, LearningRate = 2e-4 / 3, GradientNorm = double.Epsilon, Tokens = long.MaxValue, TokensPerSecond = 1e300, ElapsedSeconds = 1 / 3.0 },
            new() { Event = MetricKind.Validation, Step = 1, Loss = Math.PI },
            new() { Event = MetricKind.Checkpoint, Step = 1, Detail = "run/步骤 \"1\"\n<x>" },
            new() { Event = MetricKind.Train, Step = 2, Loss = double.NaN, GradientNorm = double.PositiveInfinity },
            new() { Event = MetricKind.End, Step = 2, Detail = "diverged" },
        ];

        Write(written);

        Assert.Equal(written, MetricsFile.Read(Path));
    }

    [Fact]
    public void Append_Line_IsReadableBeforeTheFileIsClosed()
    {
        using MetricsFile file = MetricsFile.Create(Path);
        file.Append(Step(1));

        Assert.Equal(1, Assert.Single(MetricsFile.Read(Path)).Step);
        Assert.Equal("{\"event\":\"train\",\"step\":1,\"loss\":0.5,\"elapsed_s\":2}\n", ReadShared());
    }

    [Fact]
    public void Create_FileThatIsThere_IsRefused()
    {
        Write(Step(1));

        Assert.Throws<IOException>(() => MetricsFile.Create(Path));
        Assert.Single(MetricsFile.Read(Path));
    }

    [Fact]
    public void Resume_AfterAStep_DropsWhatCameLater()
    {
        Write(Step(1), Step(2), new MetricEvent { Event = MetricKind.Validation, Step = 2, Loss = 1 }, Step(3), new MetricEvent { Event = MetricKind.End, Step = 2 });
        string before = File.ReadAllText(Path);

        using (MetricsFile file = MetricsFile.Resume(Path, 2))
            file.Append(Step(3));

        Assert.Equal([1L, 2, 2, 3], MetricsFile.Read(Path).Select(metric => metric.Step));
        Assert.StartsWith(string.Join('\n', before.Split('\n')[..3]), File.ReadAllText(Path), StringComparison.Ordinal);
        Assert.Equal([Path], Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void Resume_AfterAKillInsideALine_DropsThatLine()
    {
        Write(Step(1), Step(2));
        File.AppendAllText(Path, "{\"event\":\"train\",\"st");

        using (MetricsFile file = MetricsFile.Resume(Path, 2))
            file.Append(Step(3));

        Assert.Equal([1L, 2, 3], MetricsFile.Read(Path).Select(metric => metric.Step));
    }

    [Fact]
    public void Resume_WithoutAFile_BeginsOne()
    {
        using (MetricsFile file = MetricsFile.Resume(Path, 7))
            file.Append(Step(8));

        Assert.Equal(8, Assert.Single(MetricsFile.Read(Path)).Step);
    }

    [Fact]
    public void Resume_FileWithBadLines_IsRefusedAndKept()
    {
        File.WriteAllText(Path, "nonsense\n");

        Assert.Throws<ReportException>(() => MetricsFile.Resume(Path, 1));
        Assert.Equal("nonsense\n", File.ReadAllText(Path));
    }

    [Fact]
    public void Read_LastLineBeingWritten_IsLeftOut()
    {
        Write(Step(1));
        File.AppendAllText(Path, "{\"event\":\"tr");

        Assert.Single(MetricsFile.Read(Path));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"step\":1}")]
    [InlineData("{\"event\":\"train\"}")]
    [InlineData("{\"event\":\"nap\",\"step\":1}")]
    [InlineData("{\"event\":0,\"step\":1}")]
    [InlineData("{\"event\":\"train\",\"step\":-1}")]
    [InlineData("{\"event\":\"train\",\"step\":1,\"lost\":2}")]
    [InlineData("{\"event\":\"train\",\"step\":1,\"loss\":\"low\"}")]
    public void Read_BadLine_IsNamedByItsNumber(string line)
    {
        Write(Step(1));
        File.AppendAllText(Path, $"{line}\n{{\"event\":\"train\",\"step\":3}}\n");

        ReportException refusal = Assert.Throws<ReportException>(() => MetricsFile.Read(Path));

        Assert.StartsWith($"{Path}: line 2: ", refusal.Message, StringComparison.Ordinal);
        Assert.Single(refusal.Problems);
    }

    [Fact]
    public void Read_SeveralBadLines_AreAllNamed()
    {
        File.WriteAllText(Path, "{}\nnull\n{\"event\":\"train\",\"step\":1}\n[]\n");

        ReportException refusal = Assert.Throws<ReportException>(() => MetricsFile.Read(Path));

        Assert.Equal(["line 1", "line 2", "line 4"], refusal.Problems.Select(problem => problem.Split(':')[0]));
    }

    private static MetricEvent Step(long step) => new() { Event = MetricKind.Train, Step = step, Loss = 0.5, ElapsedSeconds = 2 };

    private void Write(params MetricEvent[] metrics)
    {
        using MetricsFile file = MetricsFile.Create(Path);
        foreach (MetricEvent metric in metrics)
            file.Append(metric);
    }

    private string ReadShared()
    {
        using var reader = new StreamReader(new FileStream(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return reader.ReadToEnd();
    }
}
