namespace MoeLora.Models.Tokenizers.Splitting;

/// <summary>GPT-2's pattern: contractions in lower case, then words, numbers and the rest, each with one space before it.</summary>
internal sealed class Gpt2SplitPattern : SplitPattern
{
    private static readonly string[] Contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

    private Gpt2SplitPattern()
    {
    }

    /// <summary>The pattern.</summary>
    public static Gpt2SplitPattern Instance { get; } = new();

    /// <inheritdoc/>
    public override string Text => @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <inheritdoc/>
    public override int PieceEnd(ReadOnlySpan<char> text, int start)
    {
        foreach (var contraction in Contractions)
            if (text[start..].StartsWith(contraction, StringComparison.Ordinal))
                return start + contraction.Length;
        var afterSpace = text[start] == ' ' ? start + 1 : start;
        return CharacterClasses.At(text, afterSpace, out _) is { } kind and not CharacterClass.Space
            ? CharacterClasses.RunEnd(text, afterSpace, kind)
            : WhitespaceEnd(text, start);
    }
}
