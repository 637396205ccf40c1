using MoeLora.Tensors;

namespace MoeLora.Models;

/// <summary>
/// One sequence inside a model: its cache, how much of it is filled, and what the architecture needs to know of its prompt.
/// Made by <see cref="CausalModel.StartSequence"/>; advanced only by <see cref="CausalModel.Forward"/>.
/// </summary>
public sealed class ModelSequence : IDisposable
{
    internal ModelSequence(KvCache cache, int promptLength, int visiblePrefix = 0, int maskPosition = 0)
    {
        Cache = cache;
        PromptLength = promptLength;
        VisiblePrefix = visiblePrefix;
        MaskPosition = maskPosition;
    }

    /// <summary>Keys and values.</summary>
    public KvCache Cache { get; }

    /// <summary>Tokens of the prompt.</summary>
    public int PromptLength { get; }

    /// <summary>Positions that every position sees (the bidirectional part of the prompt); 0 for causal models.</summary>
    public int VisiblePrefix { get; }

    /// <summary>ChatGLM: the position of the (g)mask token, at which generated tokens stand in the first rotary dimension.</summary>
    public int MaskPosition { get; }

    /// <summary>Positions filled so far.</summary>
    public int Length { get; internal set; }

    /// <inheritdoc/>
    public void Dispose() => Cache.Dispose();
}
