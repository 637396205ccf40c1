using System.Globalization;

namespace MoeLora.Training.Synthesis;

/// <summary>What one record is about: a disease, and words around it that are drawn when they are needed. No word is drawn twice.</summary>
internal sealed class Scene
{
    // How often a word comes from the disease's own organ system.
    private const double OwnSystem = 0.7;

    private readonly MedicalVocabulary _vocabulary;
    private readonly HashSet<MedicalTerm> _used = [];

    public Scene(MedicalVocabulary vocabulary, SyntheticLanguage language, SynthesisDraws draws)
    {
        _vocabulary = vocabulary;
        Phrases = PhraseBook.Of(language);
        Draws = draws;
        Disease = Draw(TermKind.Disease);
    }

    /// <summary>The phrases of the record's language.</summary>
    public PhraseBook Phrases { get; }

    /// <summary>All random choices of the record.</summary>
    public SynthesisDraws Draws { get; }

    /// <summary>What it is about.</summary>
    public MedicalTerm Disease { get; }

    /// <summary>The standard name of a word in the record's language.</summary>
    public string Name(MedicalTerm term) => term.Name(Phrases.Language);

    /// <summary>What people say for a word in the record's language.</summary>
    public string Said(MedicalTerm term) => term.Said(Phrases.Language);

    /// <summary>A word of a kind that this record does not have yet.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="system">The organ system it must be of; without one mostly the disease's own.</param>
    public MedicalTerm Draw(TermKind kind, string? system = null)
    {
        if (system is null && Disease is not null && Draws.Chance(OwnSystem))
            system = Disease.System;
        List<MedicalTerm> free = [.. _vocabulary.Of(kind, system ?? "").Where(term => !_used.Contains(term))];
        if (free.Count == 0)
            free = [.. _vocabulary.Of(kind).Where(term => !_used.Contains(term))];
        MedicalTerm drawn = Draws.Pick(free);
        _used.Add(drawn);
        return drawn;
    }

    /// <summary>The word that the doctor's fixed rules name: the first of the kind in the system that the record does not have yet.</summary>
    public MedicalTerm First(TermKind kind, string system)
    {
        MedicalTerm first = _vocabulary.Of(kind, system).First(term => !_used.Contains(term));
        _used.Add(first);
        return first;
    }

    /// <summary>A number from <paramref name="low"/> to <paramref name="high"/> in digits.</summary>
    public string Number(int low, int high) => (low + Draws.Below(high - low + 1)).ToString(CultureInfo.InvariantCulture);

    /// <summary>One of a key's phrases.</summary>
    public LabelledPhrase Choose(string key) => Draws.Pick(Phrases[key]);

    /// <summary>One of a key's phrases, filled.</summary>
    public string Say(string key, params ReadOnlySpan<(string Slot, string Text)> slots) => Fill(Choose(key).Phrase, slots);

    /// <summary>A phrase that has one form only, filled.</summary>
    public string Word(string name, params ReadOnlySpan<(string Slot, string Text)> slots) => Fill(Phrases.Words[name], slots);

    /// <summary>Fills a phrase with words that are drawn for its slots.</summary>
    /// <param name="phrase">The phrase.</param>
    /// <param name="special">Asked first; null for slots that it leaves to the usual words.</param>
    public string FillFreely(Phrase phrase, Func<string, string?>? special = null) => phrase.Fill(slot => special?.Invoke(slot) ?? slot switch
    {
        "disease" => Name(Disease),
        "said" => Said(Disease),
        "disease2" => Name(Draw(TermKind.Disease)),
        "symptom" or "symptom2" => Name(Draw(TermKind.Symptom)),
        "finding" => Name(Draw(TermKind.Finding)),
        "part" => Name(Draw(TermKind.Part)),
        "drug" => Name(Draw(TermKind.Drug, Disease.System)),
        "exam" => Name(Draw(TermKind.Exam, Disease.System)),
        "n" => Number(2, 14),
        "age" => Number(18, 75),
        _ => throw new InvalidOperationException($"No word is drawn for the slot '{slot}'."),
    });

    private static string Fill(Phrase phrase, ReadOnlySpan<(string Slot, string Text)> slots)
    {
        Dictionary<string, string> texts = [];
        foreach ((string slot, string text) in slots)
            texts[slot] = text;
        return phrase.Fill(slot => texts[slot]);
    }
}
