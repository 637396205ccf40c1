namespace MoeLora.Training.Segmentation;

/// <summary>
/// Cuts with a small dictionary of everyday and medical words that comes with the program: the fewest words, and of equally many
/// those with the fewest single characters. Numbers, letters and punctuation are cut by rule. Safe for many threads.
/// </summary>
public sealed class BuiltInSegmenter : IWordSegmenter
{
    // So frequent that one word of the dictionary is always more probable than two.
    private const int CountOfAnyWord = 1000;

    private static readonly Lazy<WordRoute> Route = new(() => new WordRoute(Read()));

    /// <inheritdoc/>
    public IReadOnlyList<string> Cut(string text) => Route.Value.Cut(text);

    private static WordDictionary Read()
    {
        using Stream stream = typeof(BuiltInSegmenter).Assembly.GetManifestResourceStream("MoeLora.Training.Segmentation.words.txt")!;
        using var reader = new StreamReader(stream);
        var dictionary = new WordDictionary();
        foreach (string word in reader.ReadToEnd().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            dictionary.Add(word, CountOfAnyWord);
        return dictionary;
    }
}
