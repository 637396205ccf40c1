using MoeLora.Engine.Generation;
using MoeLora.Engine.Sampling;
using MoeLora.Models;

namespace MoeLora.Engine.Batching;

/// <summary>One answer of a request as it grows.</summary>
internal sealed class EngineAnswer(int index, SamplingState sampling, AnswerText text, int maxTokens)
{
    private readonly int[] _tokens = new int[maxTokens];

    public int Index { get; } = index;

    public SamplingState Sampling { get; } = sampling;

    public AnswerText Text { get; } = text;

    /// <summary>Tokens generated.</summary>
    public int Count { get; private set; }

    /// <summary>Why it ended; null while it goes on.</summary>
    public GenerationEnd? End { get; set; }

    /// <summary>Its keys and values once the prompt is computed; null before, while it made room for others, and after its end.</summary>
    public ModelSequence? Sequence { get; set; }

    /// <summary>Tokens that its sequence holds.</summary>
    public int Fed => Sequence!.Length - Sequence.PromptLength;

    /// <summary>Tokens that its sequence does not hold yet: the last one, or more after it made room for others.</summary>
    public ReadOnlySpan<int> Pending => _tokens.AsSpan(Fed, Count - Fed);

    /// <summary>Takes the next token.</summary>
    /// <param name="token">The token.</param>
    /// <param name="endTokens">The tokens that end an answer.</param>
    /// <param name="text">The text that it decides.</param>
    /// <returns>Why the answer ends with it; null when it goes on.</returns>
    public GenerationEnd? Append(int token, ReadOnlySpan<int> endTokens, out string text)
    {
        _tokens[Count++] = token;
        text = "";
        if (endTokens.Contains(token))
            return GenerationEnd.EndToken;
        text = Text.Append(token);
        Sampling.Observe(token);
        return Text.Stopped ? GenerationEnd.StopString
            : Sampling.IsComplete ? GenerationEnd.Complete
            : Count == _tokens.Length ? GenerationEnd.MaxTokens
            : null;
    }
}
