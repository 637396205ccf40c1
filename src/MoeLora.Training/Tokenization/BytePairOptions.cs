namespace MoeLora.Training.Tokenization;

/// <summary>The split patterns that a tokenizer can be trained with: they cut text into the pieces within which bytes are merged.</summary>
public enum TextSplit
{
    /// <summary>GPT-2's: letters, digits and other characters apart from each other, a space belongs to what is behind it.</summary>
    Gpt2,

    /// <summary>Qwen2's: as Llama 3's, but every digit is alone.</summary>
    Qwen2,

    /// <summary>Llama 3's: up to three digits together, and a punctuation mark belongs to the letters behind it.</summary>
    Llama3,
}

/// <summary>How a byte-level BPE is trained.</summary>
public sealed record BytePairOptions
{
    /// <summary>The bytes that every vocabulary has.</summary>
    public const int Bytes = 256;

    /// <summary>The most tokens, those of single bytes and the special ones included; fewer when the texts have no more pairs.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Tokens that no text is merged to, such as the end of a document. They have the last ids, in this order.</summary>
    public IReadOnlyList<string> SpecialTokens { get; init; } = ["<|endoftext|>", "<|pad|>"];

    /// <summary>How often a pair must occur to become a token.</summary>
    public int MinFrequency { get; init; } = 2;

    /// <summary>The most bytes of a token; a Chinese character has three.</summary>
    public int MaxTokenBytes { get; init; } = 48;

    /// <summary>
    /// What text is cut into. In each a run of Chinese characters is one piece, in which merges may span words. The default is
    /// <see cref="TextSplit.Gpt2"/>: there a Chinese word has the same tokens behind any punctuation mark, so that a small model can copy it.
    /// </summary>
    public TextSplit Split { get; init; } = TextSplit.Gpt2;

    /// <summary>Everything that is wrong with these options.</summary>
    public IEnumerable<string> FindProblems()
    {
        int least = Bytes + SpecialTokens.Count;
        if (VocabularySize < least)
            yield return $"The vocabulary size is {VocabularySize}; the {Bytes} bytes and {SpecialTokens.Count} special tokens need {least}.";
        if (MinFrequency < 1)
            yield return $"The least frequency is {MinFrequency}; it must be at least 1.";
        if (MaxTokenBytes < 2)
            yield return $"The most bytes of a token are {MaxTokenBytes}; a merged token has at least 2.";
        if (!Enum.IsDefined(Split))
            yield return $"There is no split {Split}.";
        if (SpecialTokens.Any(string.IsNullOrEmpty))
            yield return "A special token is empty.";
        foreach (string token in SpecialTokens.GroupBy(token => token).Where(group => group.Count() > 1).Select(group => group.Key))
            yield return $"The special token '{token}' is there twice.";
    }
}
