namespace MoeLora.SentencePiece.Normalization;

/// <summary>Finds the user-defined symbols of a model, which are pieces wherever they stand.</summary>
/// <typeparam name="T">Bytes of UTF-8, or characters of UTF-16.</typeparam>
internal sealed class SymbolMatcher<T>
    where T : unmanaged, IEquatable<T>
{
    private readonly Dictionary<T, T[][]> _byFirst; // longest first

    public SymbolMatcher(IEnumerable<T[]> symbols) =>
        _byFirst = symbols.GroupBy(symbol => symbol[0]).ToDictionary(same => same.Key, same => same.OrderByDescending(symbol => symbol.Length).ToArray());

    /// <summary>The length of the longest symbol that a text begins with; 0 for none.</summary>
    public int MatchStart(ReadOnlySpan<T> text)
    {
        if (text.IsEmpty || !_byFirst.TryGetValue(text[0], out T[][]? candidates))
            return 0;
        foreach (T[] symbol in candidates)
        {
            if (text.StartsWith(symbol))
                return symbol.Length;
        }

        return 0;
    }
}
