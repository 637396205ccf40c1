using MoeLora.Models.Tokenizers.Splitting;

namespace MoeLora.Training.Tokenization;

/// <summary>
/// Trains a byte-level BPE (Sennrich, Haddow, Birch: Neural Machine Translation of Rare Words with Subword Units, 2016): the most frequent
/// pair of neighbouring tokens becomes a token, again and again. Of equally frequent pairs the one with the lower ids is first,
/// so that the same texts, in whatever order, give the same tokenizer.
/// </summary>
public static class BytePairTrainer
{
    /// <summary>Trains on texts, which are read once.</summary>
    /// <exception cref="ArgumentException">The options are wrong; all problems are listed.</exception>
    public static TrainedTokenizer Train(IEnumerable<string> texts, BytePairOptions options)
    {
        string[] problems = [.. options.FindProblems()];
        if (problems.Length > 0)
            throw new ArgumentException(string.Join('\n', problems), nameof(options));
        SplitPattern split = SplitPattern.Known[(int)options.Split];
        var merging = new PairMerging(Count(texts, split), options.MaxTokenBytes);
        while (merging.TokenCount < options.VocabularySize - options.SpecialTokens.Count && merging.MergeNext(options.MinFrequency))
        {
        }

        return new TrainedTokenizer(merging.Tokens, merging.Merges, options.SpecialTokens, split);
    }

    private static IEnumerable<(byte[] Bytes, long Count)> Count(IEnumerable<string> texts, SplitPattern split)
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        Dictionary<string, long>.AlternateLookup<ReadOnlySpan<char>> lookup = counts.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (string text in texts)
        {
            ReadOnlySpan<char> rest = WellFormed(text);
            while (!rest.IsEmpty)
            {
                int end = split.PieceEnd(rest, 0);
                System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(lookup, rest[..end], out _)++;
                rest = rest[end..];
            }
        }

        return counts.Select(piece => (System.Text.Encoding.UTF8.GetBytes(piece.Key), piece.Value));
    }

    // As the tokenizer does: half a surrogate pair becomes U+FFFD.
    private static string WellFormed(string text) => System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(text));
}
