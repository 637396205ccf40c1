namespace MoeLora.Training.Synthesis;

/// <summary>A phrase that belongs to one or more labels.</summary>
/// <param name="Labels">For topics: the label as a search, then the one as a criterion.</param>
/// <param name="Phrase">The phrase.</param>
internal sealed record LabelledPhrase(string[] Labels, Phrase Phrase);

/// <summary>The phrases of one language, by key.</summary>
internal sealed class PhraseBook
{
    private const string WordKey = "word";

    private readonly Dictionary<string, List<LabelledPhrase>> _sections = new(StringComparer.Ordinal);

    private PhraseBook(SyntheticLanguage language, string file)
    {
        Language = language;
        List<LabelledPhrase> section = [];
        foreach (string line in TextResource.Lines(file))
        {
            if (line[0] == '[')
                _sections.Add(line[1..^1], section = []);
            else
                section.Add(Parse(line));
        }

        Words = _sections[WordKey].ToDictionary(word => word.Labels[0], word => word.Phrase, StringComparer.Ordinal);
    }

    /// <summary>The language.</summary>
    public SyntheticLanguage Language { get; }

    /// <summary>Phrases that have one form only, by name.</summary>
    public IReadOnlyDictionary<string, Phrase> Words { get; }

    /// <summary>The keys of everything else.</summary>
    public IEnumerable<string> Keys => _sections.Keys.Where(key => key != WordKey);

    /// <summary>The phrases of a language.</summary>
    public static PhraseBook Of(SyntheticLanguage language) => language == SyntheticLanguage.Chinese ? Books.Chinese : Books.English;

    /// <summary>The alternatives of a key.</summary>
    public IReadOnlyList<LabelledPhrase> this[string key] => _sections[key];

    private static LabelledPhrase Parse(string line) =>
        line.Split(" = ", 2) is [var labels, var phrase] ? new LabelledPhrase(labels.Split(" / "), new Phrase(phrase)) : new LabelledPhrase([], new Phrase(line));

    private static class Books
    {
        public static readonly PhraseBook Chinese = new(SyntheticLanguage.Chinese, "phrases-chinese.txt");
        public static readonly PhraseBook English = new(SyntheticLanguage.English, "phrases-english.txt");
    }
}
