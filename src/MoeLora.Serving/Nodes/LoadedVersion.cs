using MoeLora.Adapters;
using MoeLora.Contracts;
using MoeLora.Serving.Requests;
using MoeLora.Serving.Rollouts;
using MoeLora.Serving.Tasks;

namespace MoeLora.Serving.Nodes;

/// <summary>An adapter version in the memory of its base model's device, proven.</summary>
internal sealed class LoadedVersion(LoadedAdapter adapter) : ILoadedVersion
{
    private readonly Dictionary<int, LoadedTask> _tasks = adapter.Tasks.ToDictionary(task => task.Task!.Id);

    public LoadedAdapter Adapter => adapter;

    /// <summary>Ends its answers when it is raised.</summary>
    public EndSignal Ended { get; } = new();

    public LoadedTask Task(AdapterTask task) => _tasks[task.Id];

    public void EndSequences(GridError error) => Ended.Raise(error);

    public ValueTask DisposeAsync() => adapter.DisposeAsync();
}
