using MoeLora.Contracts;
using MoeLora.Engine.Generation;
using MoeLora.Models;
using MoeLora.Serving.Bases;

namespace MoeLora.Serving.Tasks;

/// <summary>
/// The weights of a task in one form: shared, merged, or the bare base model. Held by its task and by each answer that runs on it; recovered weights
/// are freed when nobody holds them any more, so that a task changes its form without interrupting an answer.
/// </summary>
internal sealed class TaskForm
{
    private readonly BaseModelHost _host;
    private readonly CausalModel? _recovered;
    private int _holders = 1;

    private TaskForm(BaseModelHost host, ServingMode mode, TaskModel model, CausalModel? recovered)
    {
        _host = host;
        Mode = mode;
        Model = model;
        _recovered = recovered;
        host.CountAdapterBytes(Bytes);
    }

    public ServingMode Mode { get; }

    public TaskModel Model { get; }

    /// <summary>Bytes of its recovered weights.</summary>
    public long Bytes => _recovered?.ResidentBytes ?? 0;

    public static TaskForm Base(BaseModelHost host) => new(host, ServingMode.Base, TaskModel.Own(host.Model), null);

    public static TaskForm Shared(BaseModelHost host, TaskModel model) => new(host, ServingMode.Shared, model, null);

    /// <summary>Takes the recovered model over.</summary>
    public static TaskForm Merged(BaseModelHost host, CausalModel recovered) => new(host, ServingMode.Merged, TaskModel.Own(recovered), recovered);

    /// <summary>Holds it; false when it is being freed already.</summary>
    public bool TryHold()
    {
        int holders = Volatile.Read(ref _holders);
        while (holders > 0)
        {
            int seen = Interlocked.CompareExchange(ref _holders, holders + 1, holders);
            if (seen == holders)
                return true;
            holders = seen;
        }

        return false;
    }

    /// <summary>Lets go of it.</summary>
    /// <returns>Completes when what this let go of is freed.</returns>
    public async Task ReleaseAsync()
    {
        if (Interlocked.Decrement(ref _holders) > 0 || _recovered is null)
            return;
        long bytes = Bytes;
        await _host.Engine.RunAsync(_recovered.Dispose);
        _host.CountAdapterBytes(-bytes);
    }
}
