using System.Diagnostics;
using Spectre.Console;

namespace MoeLora.Cli.Terminals;

/// <summary>Shows on standard error what lasts longer than <see cref="Terminal.Patience"/>: a bar on a terminal, otherwise one plain line for each stage, and of a training one every <see cref="Terminal.LineInterval"/>.</summary>
internal static class ProgressDisplay
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    // Drawing takes time from what is measured or loaded; twice a second is enough.
    private static readonly TimeSpan Redraw = TimeSpan.FromMilliseconds(500);

    // With what stands beside it, 80 columns are enough.
    private const int TrainingBarWidth = 14;

    /// <summary>Waits for the work, and shows its progress meanwhile. Nothing of it is left on a terminal afterwards.</summary>
    public static async Task WatchAsync(this ProgressSource progress, Terminal terminal, Task work)
    {
        ProgressSource.Stage? seen = null;
        long since = 0;
        bool shown = false;
        while (!await IsDoneAsync(work))
        {
            ProgressSource.Stage? stage = progress.Current;
            if (stage != seen)
                (seen, since, shown) = (stage, Stopwatch.GetTimestamp(), false);
            bool isDue = !shown
                ? Stopwatch.GetElapsedTime(since) >= terminal.Patience
                : stage?.Training is not null && Stopwatch.GetElapsedTime(since) >= terminal.LineInterval;
            if (stage is null || !isDue)
                continue;
            (shown, since) = (true, Stopwatch.GetTimestamp());
            if (terminal.ErrorIsTerminal)
                await ShowBarAsync(progress, stage, terminal, work);
            else
                terminal.Error.WriteLine(stage.Training is { } training ? TrainingStatus.Line(training) : $"{stage.What} …");
        }

        await work;
    }

    private static Task ShowBarAsync(ProgressSource progress, ProgressSource.Stage stage, Terminal terminal, Task work)
    {
        ProgressColumn[] columns = stage.Training is null
            ? [new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn()]
            : [new TaskDescriptionColumn(), new ProgressBarColumn { Width = TrainingBarWidth }, new TrainingStatus.Column(stage)];
        Progress display = terminal.ErrorConsole().Progress().AutoClear(true).Columns(columns);
        display.RefreshRate = Redraw;
        return display.StartAsync(async context =>
        {
            ProgressTask bar = context.AddTask(Markup.Escape(stage.What));
            do
                bar.Value = 100 * stage.Fraction;
            while (progress.Current == stage && !await IsDoneAsync(work));
        });
    }

    private static async Task<bool> IsDoneAsync(Task work)
    {
        await Task.WhenAny(work, Task.Delay(Interval));
        return work.IsCompleted;
    }
}
