using System.Collections.Concurrent;
using MoeLora.Grid.Messages;

namespace MoeLora.Grid.Tasks;

/// <summary>The task grains that live on this silo, and how much each has to do.</summary>
internal sealed class ResidentTasks
{
    private readonly ConcurrentDictionary<string, IResidentTask> _grains = new(StringComparer.Ordinal);

    /// <summary>All, with their depth.</summary>
    public IEnumerable<TaskReport> Reports => _grains.Select(pair => new TaskReport(pair.Key, pair.Value.Depth));

    /// <summary>The grains themselves.</summary>
    public IEnumerable<IResidentTask> Grains => _grains.Select(pair => pair.Value);

    public void Add(string key, IResidentTask grain) => _grains[key] = grain;

    public void Remove(string key, IResidentTask grain) => _grains.TryRemove(KeyValuePair.Create(key, grain));
}
