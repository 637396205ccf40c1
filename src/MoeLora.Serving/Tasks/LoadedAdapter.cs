using MoeLora.Adapters;
using MoeLora.Adapters.Experts;
using MoeLora.Engine.Generation;
using MoeLora.Serving.Bases;

namespace MoeLora.Serving.Tasks;

/// <summary>An adapter in the memory of a base model's device: its bank, and its tasks.</summary>
internal sealed class LoadedAdapter : IAsyncDisposable
{
    private LoadedAdapter(BaseModelHost host, Adapter adapter, string hash)
    {
        Host = host;
        Adapter = adapter;
        Hash = hash;
    }

    public BaseModelHost Host { get; }

    public Adapter Adapter { get; }

    /// <summary><c>sha256:</c> and 64 hexadecimal digits.</summary>
    public string Hash { get; }

    /// <summary>The bank on the device; null when every task is merged.</summary>
    public DeviceBank? Bank { get; private set; }

    /// <summary>In the order of their ids.</summary>
    public IReadOnlyList<LoadedTask> Tasks { get; private set; } = [];

    /// <summary>Copies the bank to the device, between the engine's steps. Tasks that are merged get their weights when they are first used.</summary>
    /// <param name="host">The base model.</param>
    /// <param name="adapter">Read for that model.</param>
    /// <param name="hash">Its identity.</param>
    /// <param name="isMerged">Which tasks are only ever served with recovered weights.</param>
    /// <param name="cancellation">Gives up and keeps nothing.</param>
    public static async Task<LoadedAdapter> LoadAsync(BaseModelHost host, Adapter adapter, string hash, Func<AdapterTask, bool> isMerged, CancellationToken cancellation)
    {
        var loaded = new LoadedAdapter(host, adapter, hash);
        if (!adapter.Tasks.All(isMerged))
        {
            loaded.Bank = await host.Slices.RunAsync(turn => adapter.ToDeviceAsync(host.Model, turn, cancellation));
            host.CountAdapterBytes(loaded.Bank.ResidentBytes);
        }

        loaded.Tasks =
        [
            .. adapter.Tasks.Select(task => LoadedTask.Of(
                loaded, task,
                isMerged(task) ? null : TaskForm.Shared(host, TaskModel.Shared(host.Model, loaded.Bank!.Deltas, adapter.GateRows(task))),
                recovering => host.Slices.RunAsync(turn => Recovery.MergeAsync(host.Model, host.Published, adapter, [task], turn, cancellation: recovering)))),
        ];
        return loaded;
    }

    /// <summary>Frees bank and recovered weights. No answer runs on them any more.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (LoadedTask task in Tasks)
            await task.FreeAsync();
        if (Bank is { } bank)
        {
            Host.CountAdapterBytes(-bank.ResidentBytes);
            await Host.Engine.RunAsync(bank.Dispose);
        }
    }
}
