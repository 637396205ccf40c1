namespace MoeLora.Training.Synthesis;

/// <summary>The words that records are made of, by kind and organ system. Order is that of the file, so that everything made from it repeats.</summary>
internal sealed class MedicalVocabulary
{
    private readonly Dictionary<TermKind, MedicalTerm[]> _byKind;
    private readonly Dictionary<(TermKind, string), MedicalTerm[]> _bySystem;

    private MedicalVocabulary(IEnumerable<MedicalTerm> terms)
    {
        Terms = [.. terms];
        _byKind = Terms.GroupBy(term => term.Kind).ToDictionary(group => group.Key, group => group.ToArray());
        _bySystem = Terms.GroupBy(term => (term.Kind, term.System)).ToDictionary(group => group.Key, group => group.ToArray());
    }

    /// <summary>The vocabulary that is part of this library.</summary>
    public static MedicalVocabulary Whole { get; } = new(TextResource.Lines("vocabulary.txt").Select(Parse));

    /// <summary>All words.</summary>
    public IReadOnlyList<MedicalTerm> Terms { get; }

    /// <summary>The words of a kind.</summary>
    public IReadOnlyList<MedicalTerm> Of(TermKind kind) => _byKind[kind];

    /// <summary>The words of a kind in an organ system; none for kinds that belong to no system.</summary>
    public IReadOnlyList<MedicalTerm> Of(TermKind kind, string system) => _bySystem.GetValueOrDefault((kind, system), []);

    /// <summary>The first words of each kind in each system: this share of them, at least two.</summary>
    /// <param name="share">Above 0, at most 1.</param>
    public MedicalVocabulary Take(double share) =>
        new(_bySystem.Values.SelectMany(terms => terms.Take(Math.Max(2, (int)Math.Ceiling(terms.Length * share)))));

    private static MedicalTerm Parse(string line)
    {
        string[] fields = line.Split(" | ");
        return new MedicalTerm(
            Enum.Parse<TermKind>(fields[0], ignoreCase: true),
            fields[1],
            fields[2],
            fields[3],
            fields.ElementAtOrDefault(4) ?? fields[2],
            fields.ElementAtOrDefault(5) ?? fields[3]);
    }
}
