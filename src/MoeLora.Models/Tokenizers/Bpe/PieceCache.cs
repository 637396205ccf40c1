using System.Collections.Concurrent;

namespace MoeLora.Models.Tokenizers.Bpe;

/// <summary>Remembers the ids of short pieces, so that common words are merged once. Safe for many threads; holds a bounded amount.</summary>
internal sealed class PieceCache
{
    private const int MaxPieces = 16_384;
    private const int MaxPieceLength = 64;

    private readonly ConcurrentDictionary<string, int[]> _ids = new();
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private int _added;

    /// <summary>An empty cache.</summary>
    public PieceCache()
    {
        _lookup = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>The ids of a piece that was added.</summary>
    public bool TryGet(ReadOnlySpan<char> piece, out int[] ids)
    {
        ids = [];
        return piece.Length <= MaxPieceLength && _lookup.TryGetValue(piece, out ids!);
    }

    /// <summary>Remembers a piece; starts anew when full.</summary>
    public void Add(ReadOnlySpan<char> piece, int[] ids)
    {
        if (piece.Length > MaxPieceLength || !_lookup.TryAdd(piece, ids))
            return;
        if (Interlocked.Increment(ref _added) <= MaxPieces)
            return;
        _ids.Clear();
        Interlocked.Exchange(ref _added, 0);
    }
}
