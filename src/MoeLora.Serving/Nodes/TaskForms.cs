using MoeLora.Contracts;
using MoeLora.Serving.Bases;
using MoeLora.Serving.Tasks;

namespace MoeLora.Serving.Nodes;

/// <summary>
/// Decides which tasks have recovered weights, and changes them: pinned ones as soon as their version answers, others by their share of the traffic since the
/// last look. No answer is interrupted, because each holds the form that it began with.
/// </summary>
/// <param name="options">The rules.</param>
/// <param name="tasks">Every task that answers new requests now.</param>
internal sealed class TaskForms(MergingOptions options, Func<IReadOnlyCollection<LoadedTask>> tasks)
{
    private Dictionary<LoadedTask, long> _tokens = [];

    /// <summary>Looks at the traffic since the last call and changes what should be changed, one task after another.</summary>
    public async Task AdjustAsync(CancellationToken cancellation)
    {
        IReadOnlyCollection<LoadedTask> now = tasks();
        Dictionary<LoadedTask, long> since = now.ToDictionary(task => task, task => task.Tokens - _tokens.GetValueOrDefault(task));
        _tokens = now.ToDictionary(task => task, task => task.Tokens);
        Dictionary<BaseModelHost, long> ofBase = now.GroupBy(task => task.Host).ToDictionary(group => group.Key, group => group.Sum(task => since[task]));

        foreach (LoadedTask task in now.Where(task => task.Mode == ServingMode.Merged && !IsPinned(task) && Share(task) < options.Share / 2))
            await task.ShareAsync();
        // Pinned ones first: memory is theirs before it is anybody's.
        foreach (LoadedTask task in now.Where(task => task.Mode == ServingMode.Shared && (IsPinned(task) || (options.Auto && Share(task) >= options.Share))).OrderByDescending(IsPinned))
        {
            if (now.Sum(other => other.MergedBytes) + task.BytesToMerge <= options.MaxBytes)
                await task.MergeAsync(cancellation);
        }

        double Share(LoadedTask task) => ofBase[task.Host] == 0 ? 0 : (double)since[task] / ofBase[task.Host];
    }

    private bool IsPinned(LoadedTask task) =>
        task.Adapter?.Adapter.Manifest is { } manifest && options.Merged.Contains($"{manifest.Name}/{task.Name}", StringComparer.Ordinal);
}
