using System.Collections.Concurrent;
using MoeLora.Contracts;
using MoeLora.Serving.Bases;
using MoeLora.Serving.Tasks;

namespace MoeLora.Serving.Nodes;

/// <summary>
/// Decides which tasks have recovered weights, and changes them: pinned ones as soon as their version answers, others by their share of the traffic of the last
/// interval. No answer is interrupted, because each holds the form that it began with.
/// </summary>
/// <param name="options">The rules.</param>
/// <param name="tasks">Every task that answers new requests now.</param>
internal sealed class TaskForms(MergingOptions options, Func<IReadOnlyCollection<LoadedTask>> tasks)
{
    private readonly ConcurrentDictionary<string, int> _held = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _changed = new(0);
    private Dictionary<LoadedTask, long> _tokens = [];
    private Dictionary<LoadedTask, double> _shares = [];
    private long? _began; // of the interval

    /// <summary>
    /// Says that a task is wanted here until the hold is disposed of. Where <see cref="MergingOptions.WhereHeld"/> is set its recovered weights are in memory just so long.
    /// </summary>
    public IDisposable Hold(string bank, string task)
    {
        string name = $"{bank}/{task}";
        _held.AddOrUpdate(name, 1, (_, holds) => holds + 1);
        _changed.Release();
        return new TaskHold(() =>
        {
            int holds;
            do
                holds = _held[name];
            while (!(holds == 1 ? _held.TryRemove(KeyValuePair.Create(name, 1)) : _held.TryUpdate(name, holds - 1, holds)));
            _changed.Release();
        });
    }

    /// <summary>Tasks that are held.</summary>
    internal int Held => _held.Count;

    /// <summary>Completes at the end of the interval, or when what is held has changed. Called by one at a time.</summary>
    /// <returns>Whether the interval has ended, and traffic is to be looked at.</returns>
    public async Task<bool> ChangeAsync(TimeProvider time, CancellationToken cancellation)
    {
        TimeSpan left = options.Interval - time.GetElapsedTime(_began ??= time.GetTimestamp());
        using var interval = new CancellationTokenSource(left > TimeSpan.Zero ? left : TimeSpan.Zero, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(interval.Token, cancellation);
        try
        {
            await _changed.WaitAsync(either.Token);
            while (_changed.Wait(0))
            {
                // All changes so far are seen by one look.
            }

            return false;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            _began = time.GetTimestamp();
            return true;
        }
    }

    /// <summary>Changes what should be changed, one task after another.</summary>
    /// <param name="measure">Whether the traffic since it was last measured counts from now on; a moment's would say nothing.</param>
    /// <param name="cancellation">Gives up between two tasks.</param>
    public async Task AdjustAsync(bool measure, CancellationToken cancellation)
    {
        IReadOnlyCollection<LoadedTask> now = tasks();
        if (measure)
            Measure(now);
        foreach (LoadedTask task in now.Where(task => task.Mode == ServingMode.Merged && !IsPinned(task) && (!options.Auto || _shares.GetValueOrDefault(task) < options.Share / 2)))
            await task.ShareAsync();
        // Pinned ones first: memory is theirs before it is anybody's.
        foreach (LoadedTask task in now.Where(task => task.Mode == ServingMode.Shared && (IsPinned(task) || (options.Auto && _shares.GetValueOrDefault(task) >= options.Share))).OrderByDescending(IsPinned))
        {
            if (now.Sum(other => other.MergedBytes) + task.BytesToMerge <= options.MaxBytes)
                await task.MergeAsync(cancellation);
        }
    }

    /// <summary>Each task's share of its base model's tokens since the last call.</summary>
    private void Measure(IReadOnlyCollection<LoadedTask> now)
    {
        Dictionary<LoadedTask, long> since = now.ToDictionary(task => task, task => task.Tokens - _tokens.GetValueOrDefault(task));
        Dictionary<BaseModelHost, long> ofBase = now.GroupBy(task => task.Host).ToDictionary(group => group.Key, group => group.Sum(task => since[task]));
        _tokens = now.ToDictionary(task => task, task => task.Tokens);
        _shares = now.ToDictionary(task => task, task => ofBase[task.Host] == 0 ? 0 : (double)since[task] / ofBase[task.Host]);
    }

    private bool IsPinned(LoadedTask task)
    {
        if (task.Adapter?.Adapter.Manifest is not { } manifest)
            return false;
        string name = $"{manifest.Name}/{task.Name}";
        return options.Merged.Contains(name, StringComparer.Ordinal) && (!options.WhereHeld || _held.GetValueOrDefault(name) > 0);
    }

    private sealed class TaskHold(Action letGo) : IDisposable
    {
        private int _ended;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _ended, 1) == 0)
                letGo();
        }
    }
}
