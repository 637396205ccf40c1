using MoeLora.Tensors;

namespace MoeLora.Models;

/// <summary>
/// One sequence inside a model: its cache, how much of it is filled, and what the architecture needs to know of its prompt.
/// Made by <see cref="CausalModel.StartSequence(ReadOnlySpan{int}, int)"/> or its overload; advanced only by <see cref="CausalModel.Forward"/>.
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

    /// <summary>
    /// A sequence that goes on from here on its own, as further answers to one prompt do. It shares the blocks filled so far; see <see cref="KvCache.Fork"/>.
    /// </summary>
    public ModelSequence Fork() => new(Cache.Fork(Length), PromptLength, VisiblePrefix, MaskPosition) { Length = Length };

    /// <summary>Why <paramref name="tokens"/> more tokens cannot be fed now, or null when they can.</summary>
    internal string? FindRoomProblem(int tokens)
    {
        if (tokens > Cache.Capacity - Length)
            return $"{Length} + {tokens} positions exceed the sequence's capacity of {Cache.Capacity}; reserve them in its cache first.";
        return Cache.IsWritable(Length, Length + tokens)
            ? null
            : $"Positions {Length} … {Length + tokens - 1} are in blocks that another sequence shares; reserve them in the cache first.";
    }

    /// <summary>Disposes the cache, too.</summary>
    public void Dispose() => Cache.Dispose();
}
