using System.Text;

namespace MoeLora.Models.Tokenizers.Bpe;

/// <summary>Turns one piece of text into ids by merging its bytes. Safe for many threads.</summary>
internal sealed class BytePairEncoder
{
    private readonly Dictionary<(int Left, int Right), Merge> _merges;
    private readonly Dictionary<string, int>? _wholePieces;
    private readonly int[] _byteIds = new int[256];
    private readonly PieceCache _cache = new();

    /// <summary>An encoder for a checked model.</summary>
    public BytePairEncoder(BpeModel model)
    {
        _merges = model.Merges;
        _wholePieces = model.IgnoreMerges ? model.Vocabulary : null;
        for (var value = 0; value < 256; value++)
            if (ByteAlphabet.OccursInUtf8((byte)value))
                _byteIds[value] = model.Vocabulary[ByteAlphabet.ToCharacter((byte)value).ToString()];
    }

    /// <summary>Appends the ids of a piece.</summary>
    /// <param name="piece">Well-formed UTF-16, not empty.</param>
    /// <param name="ids">Where the ids go.</param>
    public void Encode(ReadOnlySpan<char> piece, List<int> ids)
    {
        if (!_cache.TryGet(piece, out var known))
        {
            known = Encode(piece);
            _cache.Add(piece, known);
        }

        ids.AddRange(known);
    }

    private int[] Encode(ReadOnlySpan<char> piece)
    {
        var bytes = new byte[Encoding.UTF8.GetByteCount(piece)];
        Encoding.UTF8.GetBytes(piece, bytes);
        if (_wholePieces is not null
            && _wholePieces.TryGetValue(string.Concat(bytes.Select(ByteAlphabet.ToCharacter)), out var whole))
        {
            return [whole];
        }

        return MergeAll(Array.ConvertAll(bytes, value => _byteIds[value]));
    }

    /// <summary>Merges the pair of the lowest rank, the leftmost of equals, until no pair merges.</summary>
    private int[] MergeAll(int[] ids)
    {
        var length = ids.Length;
        var next = new int[length]; // a token's right neighbour; the length for the last, and for what was merged into its left
        var previous = new int[length];
        var queue = new PriorityQueue<int, (int Rank, int Position)>(length); // the result's id
        for (var i = 0; i < length; i++)
        {
            next[i] = i + 1;
            previous[i] = i - 1;
            Offer(i);
        }

        while (queue.TryDequeue(out var result, out var entry))
        {
            // An entry is stale when either side has changed since: the pair at this position then gives another token, or none.
            var left = entry.Position;
            if (FindMerge(left)?.Result != result)
                continue;
            var right = next[left];
            ids[left] = result;
            next[left] = next[right];
            next[right] = length;
            if (next[left] < length)
                previous[next[left]] = left;
            if (left > 0)
                Offer(previous[left]);
            Offer(left);
        }

        var merged = new List<int>();
        for (var i = 0; i < length; i = next[i])
            merged.Add(ids[i]);
        return [.. merged];

        void Offer(int left)
        {
            if (FindMerge(left) is { } merge)
                queue.Enqueue(merge.Result, (merge.Rank, left));
        }

        Merge? FindMerge(int left) =>
            next[left] < length && _merges.TryGetValue((ids[left], ids[next[left]]), out var merge) ? merge : null;
    }
}
