using System.Globalization;
using MoeLora.Training.Synthesis.Tasks;

namespace MoeLora.Training.Synthesis.Corpora;

/// <summary>One text of the corpus.</summary>
internal sealed class CorpusText
{
    private readonly Scene _scene;
    private readonly (int Weight, Func<string> Write)[] _kinds;

    public CorpusText(Scene scene)
    {
        _scene = scene;
        _kinds =
        [
            (14, Facts),
            (10, Dialogue),
            (24, Repeat),
            (10, Swap),
            (10, List),
            (8, Ask),
            (10, Find),
            (6, Pick),
            (4, KindOfWord),
            (4, Alias),
        ];
    }

    private SynthesisDraws Draws => _scene.Draws;

    private string Gap => _scene.Phrases.Language == SyntheticLanguage.Chinese ? "" : " ";

    /// <summary>A text of a random kind.</summary>
    public string Write()
    {
        int drawn = Draws.Below(_kinds.Sum(kind => kind.Weight));
        return _kinds.First(kind => (drawn -= kind.Weight) < 0).Write();
    }

    private string Facts() => string.Join(Gap, Enumerable.Range(0, 2 + Draws.Below(3)).Select(_ => Draws.Chance(0.3) ? Note().Text : Fact()));

    private string Fact() => _scene.FillFreely(_scene.Choose("corpus fact").Phrase, Line);

    private string Dialogue() => NewConsultation().Text;

    private Consultation NewConsultation() => new(_scene, (ConsultationStage)Draws.Below(6), remarks: 0.4, pasts: 0.3);

    private ClinicalNote Note() => new(_scene);

    private string Repeat() => _scene.Say("corpus repeat", ("text", Anything()));

    // What is copied: sentences of all kinds, also lines of answers, but filled at random.
    private string Anything() => Draws.Below(6) switch
    {
        0 => Note().Text,
        1 => NewConsultation().Text,
        2 => Words(3 + Draws.Below(4)),
        3 => Prompt(),
        _ => string.Join('\n', Enumerable.Range(0, 1 + Draws.Below(3)).Select(_ => AnswerLine())),
    };

    private string AnswerLine() => _scene.FillFreely(_scene.Choose("corpus line").Phrase, Line);

    // Words that only lines of answers have.
    private string? Line(string slot) => slot switch
    {
        "state" => _scene.Word(Draws.Chance(0.5) ? "denied" : "doubtful"),
        "relation" => _scene.Word(Draws.Pick(RelationTask.Relations)),
        "status" => Draws.Pick(StatusTask.Labels),
        "label" => Draws.Pick(_scene.Choose(Draws.Chance(0.5) ? "qic" : "ctc").Labels),
        "trait" => _scene.Name(_scene.Draw(TermKind.Trait)),
        _ => null,
    };

    private string Prompt()
    {
        string frame = Draws.Pick([.. _scene.Phrases.Keys.Where(key => key.StartsWith("frame ", StringComparison.Ordinal))]);
        string options = string.Join(_scene.Word("comma"), Enumerable.Range(0, 2 + Draws.Below(4)).Select(_ => Line("label")));
        return _scene.Say(frame, ("body", _scene.FillFreely(_scene.Choose(Draws.Chance(0.5) ? "qic" : "ctc").Phrase)), ("options", options));
    }

    // A list of words and a line below it, with one word of the list for another.
    private string Swap()
    {
        List<string> words = DrawWords(2 + Draws.Below(3));
        string other = DrawWords(1)[0], line = AnswerLine(), pause = _scene.Word("pause");
        int index = Draws.Below(words.Count);
        string old = words[index], text = string.Join(pause, words);
        words[index] = other;
        return _scene.Say("corpus swap", ("text", $"{text}\n{line}"), ("old", old), ("new", other), ("changed", $"{string.Join(pause, words)}\n{line}"));
    }

    private string List()
    {
        ClinicalNote note = Note();
        return _scene.Say("corpus list", ("text", note.Text), ("list", string.Join(Draws.Chance(0.5) ? "\n- " : _scene.Word("pause"), note.Complaints.Select(complaint => complaint.Name))));
    }

    private string Ask()
    {
        ClinicalNote note = Note();
        Complaint asked = Draws.Pick(note.Complaints);
        string answer = _scene.Phrases["corpus answer"].First(phrase => phrase.Labels[0] == asked.Status.ToString()).Phrase.Fill(slot => slot);
        return _scene.Say("corpus ask", ("text", note.Text), ("symptom", asked.Name), ("answer", answer));
    }

    private string Find()
    {
        ClinicalNote note = Note();
        List<(string Kind, string Word)> found = [("Disease", note.Disease)];
        foreach ((string relation, string tail) in note.Relations)
        {
            string? kind = relation switch { "drug" => "Drug", "exam" => "Exam", "part" => "Part", _ => null };
            if (kind is not null)
                found.Add((kind, tail));
        }

        (string key, string word) = Draws.Pick(found);
        return _scene.Say("corpus find", ("text", note.Text), ("kind", KindName(key)), ("answer", word));
    }

    private string Pick()
    {
        List<string> words = DrawWords(3 + Draws.Below(4));
        int index = Draws.Below(words.Count);
        return _scene.Say(
            "corpus pick",
            ("list", string.Join(_scene.Word("comma"), words)),
            ("index", (index + 1).ToString(CultureInfo.InvariantCulture)),
            ("answer", words[index]));
    }

    private string KindOfWord()
    {
        TermKind[] kinds = [TermKind.Disease, TermKind.Symptom, TermKind.Drug, TermKind.Exam, TermKind.Part];
        List<MedicalTerm> words = [.. Draws.Sample(kinds, 2 + Draws.Below(3)).Select(kind => _scene.Draw(kind))];
        MedicalTerm word = Draws.Pick(words);
        return _scene.Say(
            "corpus kind",
            ("list", string.Join(_scene.Word("comma"), words.Select(_scene.Name))),
            ("kind", KindName(word.Kind.ToString())),
            ("answer", _scene.Name(word)));
    }

    private string Alias() => _scene.FillFreely(_scene.Choose("corpus alias").Phrase);

    private string KindName(string kind) => _scene.Phrases["kind"].First(phrase => phrase.Labels[0] == kind).Phrase.Fill(slot => slot);

    private string Words(int count) => string.Join(_scene.Word(Draws.Chance(0.5) ? "comma" : "pause"), DrawWords(count));

    private List<string> DrawWords(int count)
    {
        TermKind[] kinds = Enum.GetValues<TermKind>();
        return [.. Enumerable.Range(0, count).Select(_ => _scene.Name(_scene.Draw(Draws.Pick(kinds))))];
    }
}
