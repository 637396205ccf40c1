using MoeLora.Tensors;
using MoeLora.Training.Batches;
using MoeLora.Training.Networks;
using MoeLora.Training.Parameters;

namespace MoeLora.Training.Adaptations;

/// <summary>
/// P-Tuning (arXiv 2103.10385): trained virtual tokens before the prompt, whose embeddings a small encoder makes from trained vectors,
/// e = W₂ · gelu(W₁ · z + b₁) + b₂. The paper offers an LSTM or an MLP as encoder; this is the MLP.
/// </summary>
public sealed class PromptAdaptation : Adaptation
{
    private readonly Device _device;
    private readonly int _count;
    private readonly Parameter _seedVectors, _first, _firstBias, _second, _secondBias, _embeddings;
    private readonly RowBuffer _inner, _activated, _innerGradient, _activatedGradient;

    /// <summary>New virtual tokens.</summary>
    /// <param name="network">The base model.</param>
    /// <param name="count">How many; their ids follow the vocabulary.</param>
    /// <param name="seed">Of the initial values.</param>
    public PromptAdaptation(Network network, int count, int seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        int hidden = network.Config.HiddenSize;
        (_device, _count, FirstId) = (network.Device, count, network.Config.VocabularySize);
        _seedVectors = new Parameter(_device, "prompt.vectors", count, hidden);
        _first = new Parameter(_device, "prompt.encoder.0.weight", hidden, hidden);
        _firstBias = new Parameter(_device, "prompt.encoder.0.bias", 1, hidden, decays: false);
        _second = new Parameter(_device, "prompt.encoder.1.weight", hidden, hidden);
        _secondBias = new Parameter(_device, "prompt.encoder.1.bias", 1, hidden, decays: false);
        _embeddings = new Parameter(_device, "prompt.embeddings", count, hidden);
        (_inner, _activated) = (new RowBuffer(_device, hidden), new RowBuffer(_device, hidden));
        (_innerGradient, _activatedGradient) = (new RowBuffer(_device, hidden), new RowBuffer(_device, hidden));
        Initialization.Normal(_seedVectors, 1, seed);
        Initialization.Dense(_first, seed);
        Initialization.Normal(_second, 0.02 / Math.Sqrt(hidden / 2.0), seed); // embeddings begin at about the size of a new model's
        Parameters = [_seedVectors, _first, _firstBias, _second, _secondBias];
    }

    /// <summary>The id of the first virtual token.</summary>
    public int FirstId { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    internal override Parameter? VirtualTokens => _embeddings;

    /// <summary>The prompt with all virtual tokens before it.</summary>
    public int[] Prepend(IReadOnlyList<int> prompt) => [.. Enumerable.Range(FirstId, _count), .. prompt];

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        foreach (IDisposable part in (IEnumerable<IDisposable>)[_embeddings, _inner, _activated, _innerGradient, _activatedGradient])
            part.Dispose();
    }

    internal override void Begin(PassRows pass, ulong? dropoutSeed)
    {
        Tensor inner = _inner.Of(_count), activated = _activated.Of(_count);
        _device.Linear(_seedVectors.Value, _count, [new LinearCall { Weight = _first.Value, Bias = _firstBias.Value, Output = inner }]);
        _device.Gelu(inner, activated, _count, GeluKind.Tanh);
        _device.Linear(activated, _count, [new LinearCall { Weight = _second.Value, Bias = _secondBias.Value, Output = _embeddings.Value }]);
        _embeddings.ClearGradient();
    }

    internal override void Finish()
    {
        Tensor inner = _innerGradient.Zeros(_count), activated = _activatedGradient.Zeros(_count);
        _device.LinearBackwardInput(_embeddings.Gradient, _second.Value, activated, _count);
        _device.LinearBackwardWeight(_embeddings.Gradient, _activated.Tensor, _second.Gradient, _count);
        _device.SumRows(_embeddings.Gradient, _secondBias.Gradient, _count);
        _device.GeluBackward(_inner.Tensor, activated, inner, _count, GeluKind.Tanh);
        _device.LinearBackwardInput(inner, _first.Value, _seedVectors.Gradient, _count);
        _device.LinearBackwardWeight(inner, _seedVectors.Value, _first.Gradient, _count);
        _device.SumRows(inner, _firstBias.Gradient, _count);
    }
}
