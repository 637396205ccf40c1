namespace MoeLora.Training.Segmentation;

/// <summary>Words and how frequent they are.</summary>
internal sealed class WordDictionary
{
    // Also holds the beginnings of words, with 0, so that a search knows when to stop.
    private readonly Dictionary<string, int> _counts = [];
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private long _total;

    public WordDictionary() => _lookup = _counts.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>The logarithm of the probability of a word that is in no dictionary.</summary>
    public double UnknownLogProbability => -Math.Log(_total);

    /// <summary>Adds a word, or replaces its count; the sum of all counts grows by it in either case, as in jieba.</summary>
    public void Add(string word, int count)
    {
        _counts[word] = count;
        _total += count;
        for (int length = 1; length < word.Length; length++)
            _lookup.TryAdd(word.AsSpan(0, length), 0);
    }

    /// <summary>Looks for what begins a word.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="isWord">Whether it is also a whole word.</param>
    /// <param name="logProbability">The logarithm of the word's probability.</param>
    /// <returns>False when no word begins so.</returns>
    public bool TryGet(ReadOnlySpan<char> text, out bool isWord, out double logProbability)
    {
        bool found = _lookup.TryGetValue(text, out int count);
        isWord = count > 0;
        logProbability = Math.Log(Math.Max(1, count)) - Math.Log(_total);
        return found;
    }
}
