using MoeLora.Models.Tokenizers.Splitting;

namespace MoeLora.Models.Tokenizers;

/// <summary>Cuts plain text into the pieces within which bytes are merged.</summary>
/// <param name="Splits">Applied in turn, each to the pieces of the one before.</param>
/// <param name="AddPrefixSpace">Whether each piece that these give gets a space in front if it has none.</param>
/// <param name="LastSplit">Applied after that.</param>
internal sealed record PreTokenizer(IReadOnlyList<SplitPattern> Splits, bool AddPrefixSpace, SplitPattern? LastSplit)
{
    /// <summary>The pieces of a text that is not empty.</summary>
    public IEnumerable<ReadOnlyMemory<char>> Split(string text)
    {
        IEnumerable<ReadOnlyMemory<char>> pieces = [text.AsMemory()];
        foreach (var split in Splits)
            pieces = pieces.SelectMany(split.Split);
        if (AddPrefixSpace)
            pieces = pieces.Select(piece => piece.Span[0] == ' ' ? piece : string.Concat(" ", piece.Span).AsMemory());
        return LastSplit is null ? pieces : pieces.SelectMany(LastSplit.Split);
    }
}
