using System.Collections.Frozen;
using System.Text;

namespace MoeLora.Models.Tokenizers.Bpe;

/// <summary>Turns one piece of text into ids by merging its bytes. Safe for many threads.</summary>
internal sealed class BytePairEncoder
{
    private readonly FrozenDictionary<(int Left, int Right), Merge> _merges;
    private readonly IReadOnlyDictionary<string, int>? _wholePieces;
    private readonly int[] _byteIds = new int[256];
    private readonly PieceCache _cache = new();

    /// <summary>An encoder for a checked model.</summary>
    public BytePairEncoder(BpeModel model)
    {
        _merges = model.Merges.ToFrozenDictionary();
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

        var ids = Array.ConvertAll(bytes, value => (int?)_byteIds[value]);
        MergeAll(ids);
        return [.. ids.OfType<int>()];
    }

    /// <summary>Merges the pair of the lowest rank, the leftmost of equals, until no pair merges; what was merged into its left becomes null.</summary>
    private void MergeAll(int?[] ids)
    {
        var length = ids.Length;
        var next = new int[length];
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
            ids[right] = null;
            next[left] = next[right];
            if (next[left] < length)
                previous[next[left]] = left;
            if (previous[left] >= 0)
                Offer(previous[left]);
            Offer(left);
        }

        void Offer(int left)
        {
            if (FindMerge(left) is { } merge)
                queue.Enqueue(merge.Result, (merge.Rank, left));
        }

        Merge? FindMerge(int left) =>
            next[left] < length && ids[left] is { } a && ids[next[left]] is { } b && _merges.TryGetValue((a, b), out var merge) ? merge : null;
    }
}
