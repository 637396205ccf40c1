using MoeLora.Training.Reports.Curves;

namespace MoeLora.Training.Tests.Reports;

public sealed class TrainingCurvesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Write_RunWithEverything_HasAllCurvesOnOnePageAndAsFiles()
    {
        List<MetricEvent> metrics = [];
        for (int step = 1; step <= 500; step++)
        {
            metrics.Add(new() { Event = MetricKind.Train, Step = step, Loss = 5.0 / step, LearningRate = 1e-4, GradientNorm = 1.0 / step, Tokens = 10, TokensPerSecond = 100, ElapsedSeconds = step });
            if (step % 100 == 0)
                metrics.Add(new() { Event = MetricKind.Validation, Step = step, Loss = 6.0 / step });
        }

        metrics.Add(new() { Event = MetricKind.End, Step = 500, Detail = "all steps <taken>" });

        TrainingCurves.Write(metrics, "A <run>", _folder.Path);

        string html = _folder.Read("curves.html");
        Assert.Equal(["gradient-norm.svg", "learning-rate.svg", "loss.svg", "tokens-per-second.svg", "validation-loss.svg"], Files());
        Assert.Equal(5, html.Split("<svg ").Length - 1);
        Assert.Contains("500 steps, 5,000 tokens, 500.0 s; ended: all steps &lt;taken&gt;.", html, StringComparison.Ordinal);
        Assert.Contains("<title>A &lt;run&gt;</title>", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", html, StringComparison.Ordinal);
        Assert.Contains("moving average", _folder.Read("curves/loss.svg"), StringComparison.Ordinal);
        Assert.Contains("prefers-color-scheme", _folder.Read("curves/loss.svg"), StringComparison.Ordinal);
    }

    [Fact]
    public void Write_RunWithoutValidation_LeavesItsCurveOut()
    {
        TrainingCurves.Write([new() { Event = MetricKind.Train, Step = 1, Loss = double.NaN }], "run", _folder.Path);

        Assert.Equal(["loss.svg"], Files());
        Assert.Contains("No value is finite.", _folder.Read("curves.html"), StringComparison.Ordinal);
    }

    [Fact]
    public void Write_RunThatTookNoStep_SaysSo()
    {
        TrainingCurves.Write([], "run", _folder.Path);

        Assert.Contains("No step was taken yet.", _folder.Read("curves.html"), StringComparison.Ordinal);
        Assert.Empty(Files());
    }

    private IEnumerable<string?> Files() => Directory.GetFiles(_folder.File("curves")).Select(Path.GetFileName).Order(StringComparer.Ordinal);
}
