namespace MoeLora.Models.Tokenizers.Bpe;

/// <summary>A pair's merge.</summary>
/// <param name="Rank">Lower merges first.</param>
/// <param name="Result">The id of the token that the pair becomes.</param>
internal readonly record struct Merge(int Rank, int Result);

/// <summary>The vocabulary and merges of a byte-level BPE, checked.</summary>
/// <param name="Vocabulary">Token, in the byte alphabet, to id.</param>
/// <param name="Merges">By the ids of the pair.</param>
/// <param name="IgnoreMerges">Whether a piece that is itself a token becomes that token whatever the merges say.</param>
internal sealed record BpeModel(
    Dictionary<string, int> Vocabulary,
    Dictionary<(int Left, int Right), Merge> Merges,
    bool IgnoreMerges);
