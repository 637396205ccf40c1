using MoeLora.Models;

namespace MoeLora.Engine.Generation;

/// <summary>
/// A model as one task uses it: in shared form the base model with the bank's deltas and the task's gate, else a model whose own weights
/// are the task's (merged) or the base's. It owns nothing.
/// </summary>
public sealed class TaskModel
{
    private TaskModel(CausalModel model, DeltaSet? deltas, TaskGateRows? gate)
    {
        Model = model;
        Deltas = deltas;
        Gate = gate;
    }

    /// <summary>The weights.</summary>
    public CausalModel Model { get; }

    /// <summary>The expert bank; null when the model answers with its own weights.</summary>
    public DeltaSet? Deltas { get; }

    /// <summary>The task's gate, not null with <see cref="Deltas"/>.</summary>
    public TaskGateRows? Gate { get; }

    /// <summary>The model's own weights: a recovered task, or the base model by itself.</summary>
    public static TaskModel Own(CausalModel model) => new(model, null, null);

    /// <summary>One task of a bank that all tasks share.</summary>
    public static TaskModel Shared(CausalModel model, DeltaSet deltas, TaskGateRows gate) => new(model, deltas, gate);
}
