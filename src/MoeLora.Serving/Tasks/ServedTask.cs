using MoeLora.Adapters;
using MoeLora.Contracts;
using MoeLora.Engine.Generation;
using MoeLora.Models;

namespace MoeLora.Serving.Tasks;

/// <summary>A task as it is served: in shared form, with weights of its own, or the base model by itself.</summary>
internal sealed class ServedTask : IDisposable
{
    private readonly Func<CancellationToken, CausalModel>? _recover;
    private TaskModel? _model;
    private CausalModel? _recovered;

    private ServedTask(ModelDescription description, AdapterTask? task, IReadOnlyList<IReadOnlyList<float>> gateWeights, TaskModel? model, Func<CancellationToken, CausalModel>? recover)
    {
        Description = description;
        Task = task;
        GateWeights = gateWeights;
        _model = model;
        _recover = recover;
    }

    public ModelDescription Description { get; }

    /// <summary>The adapter's task; null for the base model by itself.</summary>
    public AdapterTask? Task { get; }

    /// <summary>ω by gate; empty without one.</summary>
    public IReadOnlyList<IReadOnlyList<float>> GateWeights { get; }

    public static ServedTask Of(ModelDescription description, AdapterTask? task, IReadOnlyList<IReadOnlyList<float>> gateWeights, TaskModel model) =>
        new(description, task, gateWeights, model, null);

    /// <summary>A task whose weights are recovered when it is first used.</summary>
    public static ServedTask Merged(ModelDescription description, AdapterTask task, IReadOnlyList<IReadOnlyList<float>> gateWeights, Func<CancellationToken, CausalModel> recover) =>
        new(description, task, gateWeights, null, recover);

    /// <summary>The task as the engine runs it, recovered first if need be. Only on the model's thread.</summary>
    public TaskModel Resolve(CancellationToken cancellation)
    {
        if (_model is null)
        {
            _recovered = _recover!(cancellation);
            _model = TaskModel.Own(_recovered);
        }

        return _model;
    }

    public void Dispose() => _recovered?.Dispose();
}
