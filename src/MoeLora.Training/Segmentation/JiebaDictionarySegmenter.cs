using System.Globalization;
using System.Text;

namespace MoeLora.Training.Segmentation;

/// <summary>
/// Cuts with a dictionary of jieba (its <c>dict.txt</c>): the most probable sequence of words. What jieba adds for words that are in no
/// dictionary, a hidden Markov model, is left out, so such words, names above all, stay single characters. Safe for many threads.
/// </summary>
public sealed class JiebaDictionarySegmenter : IWordSegmenter
{
    private const int MostListed = 40;

    private readonly WordRoute _route;

    /// <summary>Reads a dictionary.</summary>
    /// <param name="path">A file of lines <c>word count</c> or <c>word count tag</c> in UTF-8.</param>
    /// <exception cref="SegmentationException">Lines are of another form; the message lists them. Or there is none.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public JiebaDictionarySegmenter(string path)
    {
        var dictionary = new WordDictionary();
        var problems = new List<string>();
        int number = 0;
        try
        {
            using var reader = new StreamReader(path, new UTF8Encoding(false, throwOnInvalidBytes: true));
            while (reader.ReadLine() is { } line)
            {
                number++;
                if (line.Trim().Split(' ') is [{ Length: > 0 } word, var count, ..] && int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out int times))
                    dictionary.Add(word, times);
                else
                    problems.Add($"{path}:{number}: not a word and its count, separated by one space.");
            }
        }
        catch (DecoderFallbackException)
        {
            problems.Add($"{path}: not UTF-8 (somewhere behind line {number}).");
        }

        if (number == 0 && problems.Count == 0)
            problems.Add($"{path}: the dictionary is empty.");
        if (problems.Count > 0)
        {
            string rest = problems.Count > MostListed ? $"\n… and {problems.Count - MostListed} more." : "";
            throw new SegmentationException(string.Join('\n', problems.Take(MostListed)) + rest);
        }

        _route = new WordRoute(dictionary);
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Cut(string text) => _route.Cut(text);
}
