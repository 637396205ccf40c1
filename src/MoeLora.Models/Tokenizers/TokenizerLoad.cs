using System.Diagnostics.CodeAnalysis;
using MoeLora.Models.Checkpoints;

namespace MoeLora.Models.Tokenizers;

/// <summary>A model's tokenizer, or why it has none that can be used. Without one a model still works with token ids.</summary>
public sealed class TokenizerLoad
{
    private TokenizerLoad(ITokenizer? tokenizer, string? whyNone)
    {
        Tokenizer = tokenizer;
        WhyNone = whyNone;
    }

    /// <summary>The tokenizer; null when there is none.</summary>
    public ITokenizer? Tokenizer { get; }

    /// <summary>Why there is none and what to do; null when there is one.</summary>
    public string? WhyNone { get; }

    /// <summary>Whether text can be encoded and decoded.</summary>
    [MemberNotNullWhen(true, nameof(Tokenizer))]
    [MemberNotNullWhen(false, nameof(WhyNone))]
    public bool HasTokenizer => Tokenizer is not null;

    /// <summary>The tokenizer, for where text is needed.</summary>
    /// <exception cref="CheckpointException">There is none; the message is <see cref="WhyNone"/>.</exception>
    public ITokenizer Require() => Tokenizer ?? throw new CheckpointException(WhyNone!);

    /// <summary>There is a tokenizer.</summary>
    public static TokenizerLoad Of(ITokenizer tokenizer) => new(tokenizer, null);

    /// <summary>There is none.</summary>
    /// <param name="why">Why, in which folder or file, and what to do.</param>
    public static TokenizerLoad None(string why) => new(null, why);
}
