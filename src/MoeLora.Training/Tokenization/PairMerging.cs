using MoeLora.Models.Tokenizers.Bpe;

namespace MoeLora.Training.Tokenization;

/// <summary>
/// The state of training: every distinct piece as a row of tokens, the number of each pair over all pieces, and a heap of pairs.
/// A merge visits only the pieces that have its pair. Counts in the heap may be out of date, but only too high: a pair gets more
/// frequent only with a merge that makes one of its sides, and is then put in again.
/// </summary>
internal sealed class PairMerging
{
    private readonly int _maxTokenBytes;
    private readonly List<(int[] Tokens, long Count)> _pieces = [];
    private readonly Dictionary<(int Left, int Right), Pair> _pairs = [];
    private readonly PriorityQueue<(int Left, int Right), Priority> _queue = new();
    private readonly List<string> _tokens = [];
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly List<(int Left, int Right)> _merges = [];
    private readonly Dictionary<(int Left, int Right), int> _ranks = [];

    /// <param name="pieces">Different pieces and how often each occurs.</param>
    /// <param name="maxTokenBytes">The most bytes of a token.</param>
    public PairMerging(IEnumerable<(byte[] Bytes, long Count)> pieces, int maxTokenBytes)
    {
        _maxTokenBytes = maxTokenBytes;
        foreach (char character in Enumerable.Range(0, BytePairOptions.Bytes).Select(value => ByteAlphabet.ToCharacter((byte)value)).Order())
            AddToken(character.ToString());
        foreach ((byte[] bytes, long count) in pieces)
        {
            _pieces.Add((Array.ConvertAll(bytes, value => _ids[ByteAlphabet.ToCharacter(value).ToString()]), count));
            AddPairs(_pieces.Count - 1);
        }

        foreach ((int Left, int Right) pair in _pairs.Keys)
            Enqueue(pair);
    }

    /// <summary>How many tokens there are.</summary>
    public int TokenCount => _tokens.Count;

    /// <summary>The tokens by id, in the byte alphabet.</summary>
    public IReadOnlyList<string> Tokens => _tokens;

    /// <summary>The pairs that are merged, first come first.</summary>
    public IReadOnlyList<(int Left, int Right)> Merges => _merges;

    /// <summary>Merges the most frequent pair.</summary>
    /// <returns>False when no pair that may be merged occurs so often.</returns>
    public bool MergeNext(int minFrequency)
    {
        while (_queue.TryDequeue(out (int Left, int Right) pair, out Priority priority))
        {
            // Out of date: it is less frequent by now.
            long count = _pairs.TryGetValue(pair, out Pair? found) ? found.Count : 0;
            if (count < priority.Count && !_ranks.ContainsKey(pair))
            {
                if (count >= minFrequency)
                    Enqueue(pair);
                continue;
            }

            if (count == 0)
                continue;
            if (!_ranks.ContainsKey(pair))
            {
                if (count < minFrequency)
                    return false;
                _ranks.Add(pair, _merges.Count);
                _merges.Add(pair);
            }

            Merge(pair, found!);
            return true;
        }

        return false;
    }

    private void Merge((int Left, int Right) pair, Pair found)
    {
        string text = _tokens[pair.Left] + _tokens[pair.Right];
        // Two pairs may give the same token, as a+bc and ab+c do.
        int merged = _ids.TryGetValue(text, out int known) ? known : AddToken(text);
        var grown = new HashSet<(int, int)>();
        foreach (int index in found.Pieces)
        {
            (int[] tokens, long count) = _pieces[index];
            if (!Contains(tokens, pair))
                continue; // merged away since, or named twice
            AddPairs(index, -count);
            int[] shorter = Replace(tokens, pair, merged);
            _pieces[index] = (shorter, count);
            AddPairs(index);
            for (int i = 0; i + 1 < shorter.Length; i++)
                if (shorter[i] == merged || shorter[i + 1] == merged)
                    grown.Add((shorter[i], shorter[i + 1]));
        }

        _pairs.Remove(pair);
        foreach ((int, int) other in grown)
            Enqueue(other);
    }

    private void AddPairs(int piece) => AddPairs(piece, _pieces[piece].Count);

    private void AddPairs(int piece, long count)
    {
        int[] tokens = _pieces[piece].Tokens;
        for (int i = 0; i + 1 < tokens.Length; i++)
        {
            if (!_pairs.TryGetValue((tokens[i], tokens[i + 1]), out Pair? pair))
                _pairs.Add((tokens[i], tokens[i + 1]), pair = new Pair());
            pair.Count += count;
            if (count > 0 && (pair.Pieces.Count == 0 || pair.Pieces[^1] != piece))
                pair.Pieces.Add(piece);
        }
    }

    private void Enqueue((int Left, int Right) pair)
    {
        // In the byte alphabet a character is a byte.
        if (_tokens[pair.Left].Length + _tokens[pair.Right].Length > _maxTokenBytes)
            return;
        // A pair that has its merge already comes at once, as it will when text is encoded.
        long count = _ranks.TryGetValue(pair, out int rank) ? long.MaxValue - rank : _pairs[pair].Count;
        _queue.Enqueue(pair, new Priority(count, pair.Left, pair.Right));
    }

    private int AddToken(string text)
    {
        _ids.Add(text, _tokens.Count);
        _tokens.Add(text);
        return _tokens.Count - 1;
    }

    private static bool Contains(int[] tokens, (int Left, int Right) pair)
    {
        for (int i = 0; i + 1 < tokens.Length; i++)
            if (tokens[i] == pair.Left && tokens[i + 1] == pair.Right)
                return true;
        return false;
    }

    private static int[] Replace(int[] tokens, (int Left, int Right) pair, int merged)
    {
        var shorter = new List<int>(tokens.Length);
        for (int i = 0; i < tokens.Length; i++)
        {
            if (i + 1 < tokens.Length && tokens[i] == pair.Left && tokens[i + 1] == pair.Right)
            {
                shorter.Add(merged);
                i++;
            }
            else
            {
                shorter.Add(tokens[i]);
            }
        }

        return [.. shorter];
    }

    private sealed class Pair
    {
        public long Count { get; set; }

        /// <summary>Where it occurs; also pieces where it does no more, and some twice.</summary>
        public List<int> Pieces { get; } = [];
    }

    private readonly record struct Priority(long Count, int Left, int Right) : IComparable<Priority>
    {
        public int CompareTo(Priority other) =>
            Count != other.Count ? other.Count.CompareTo(Count) : Left != other.Left ? Left.CompareTo(other.Left) : Right.CompareTo(other.Right);
    }
}
