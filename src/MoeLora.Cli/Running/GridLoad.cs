using MoeLora.Cli.Options;
using MoeLora.Cli.Terminals;
using MoeLora.Contracts;
using MoeLora.Serving;
using MoeLora.Serving.Loading;

namespace MoeLora.Cli.Running;

/// <summary>Makes and loads the grid of this process.</summary>
internal static class GridLoad
{
    /// <summary>What a source asks of a grid. Reads the headers of the weights when no format is given.</summary>
    /// <param name="source">The model and adapter.</param>
    /// <param name="task">The only task that will be asked for, which is then recovered at the start; null for a server of all.</param>
    public static LocalGridOptions Options(ModelSource source, string? task = null)
    {
        bool merged = source.Mode == ServingMode.Merged;
        return new LocalGridOptions
        {
            ModelDirectory = source.Model,
            AdapterDirectory = source.Adapter,
            TaskNamesFile = source.TaskNames,
            Weights = source.Weights ?? PublishedWeights.FormatOf(source.Model),
            Device = source.Device,
            Threads = source.Threads,
            MergeAllTasks = merged && task is null,
            MergedTasks = merged && task is not null ? [task] : [],
            MergeAtStart = merged && task is not null,
        };
    }

    /// <summary>Loads a grid and shows how far it is.</summary>
    public static async Task LoadAsync(this LocalGrid grid, Terminal terminal, CancellationToken cancellation)
    {
        var progress = new ProgressSource();
        await progress.WatchAsync(terminal, grid.LoadAsync(new LoadReport(progress), cancellation));
    }

    private sealed class LoadReport(ProgressSource progress) : IProgress<GridLoading>
    {
        private string? _step;

        public void Report(GridLoading value)
        {
            if (value.Step != _step)
                progress.Begin(char.ToUpperInvariant(value.Step[0]) + value.Step[1..]);
            _step = value.Step;
            if (value.Total > 0)
                progress.Report((double)value.Done / value.Total);
        }
    }
}
