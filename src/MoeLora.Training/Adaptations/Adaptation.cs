using MoeLora.Models;
using MoeLora.Tensors;
using MoeLora.Training.Batches;
using MoeLora.Training.Parameters;

namespace MoeLora.Training.Adaptations;

/// <summary>
/// What a fine-tuning method adds to a frozen base model: deltas of dense layers, virtual tokens, or nothing (this class itself). Owns its parameters.
/// </summary>
/// <remarks>
/// A pass is: <see cref="Begin"/>, then <see cref="Forward"/> for each module in execution order, and when gradients are wanted
/// <see cref="Backward"/> for each module in reverse order and <see cref="Finish"/>. With gradient checkpointing a module's forward runs a second
/// time right before its layer's backward, and gives the same values.
/// </remarks>
public class Adaptation : IDisposable
{
    /// <summary>What is trained, in an order that never changes.</summary>
    public virtual IReadOnlyList<Parameter> Parameters => [];

    /// <summary>Trained embeddings for the ids from the vocabulary's size on, [count, hidden], or null.</summary>
    internal virtual Parameter? VirtualTokens => null;

    /// <summary>Takes the rows of the next pass.</summary>
    /// <param name="pass">The rows and their tasks.</param>
    /// <param name="dropoutSeed">Set when this is a training pass: what dropout depends on.</param>
    internal virtual void Begin(PassRows pass, ulong? dropoutSeed)
    {
    }

    /// <summary>output += the module's delta of input, for all rows of the pass.</summary>
    internal virtual void Forward(LinearModule module, Tensor input, Tensor output)
    {
    }

    /// <summary>Adds to the gradients of the module's parameters and, unless it is null, to <paramref name="inputGradient"/>.</summary>
    internal virtual void Backward(LinearModule module, Tensor input, Tensor outputGradient, Tensor? inputGradient)
    {
    }

    /// <summary>Adds what a whole pass collected to the gradients.</summary>
    internal virtual void Finish()
    {
    }

    /// <inheritdoc/>
    public virtual void Dispose()
    {
        foreach (Parameter parameter in Parameters)
            parameter.Dispose();
        GC.SuppressFinalize(this);
    }
}
