using System.Globalization;
using MoeLora.Training.Reports;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace MoeLora.Cli.Terminals;

/// <summary>How far a training is, in words: beside its bar, or as a line.</summary>
internal static class TrainingStatus
{
    /// <summary>Such as <c>Training: step 120 of 8000, loss 1.234, 4150 tokens/s, 0:03:20 left</c>; what is not known yet is left out.</summary>
    public static string Line(TrainingProgress training) =>
        $"{training.Phase}: {string.Join(", ", Parts(training).Prepend(string.Create(CultureInfo.InvariantCulture, $"step {training.Step} of {training.Steps}")))}";

    /// <summary>The same, shorter, as a column of a bar.</summary>
    public sealed class Column(ProgressSource.Stage stage) : ProgressColumn
    {
        protected override bool NoWrap => true;

        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Text(stage.Training is { } training
                ? string.Join("  ", Parts(training).Prepend(string.Create(CultureInfo.InvariantCulture, $"{training.Step}/{training.Steps}")))
                : "");
    }

    // The average tells more than one step's loss, which jumps.
    private static IEnumerable<string> Parts(TrainingProgress training)
    {
        if ((training.SmoothedLoss ?? training.Loss) is { } loss)
            yield return string.Create(CultureInfo.InvariantCulture, $"loss {loss:0.0000}");
        if (training.TokensPerSecond is { } speed)
            yield return string.Create(CultureInfo.InvariantCulture, $"{speed:0} tokens/s");
        if (training.TimeLeft is { } left)
            yield return $"{Duration(left)} left";
    }

    // Hours may be more than a day's.
    private static string Duration(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}");
}
