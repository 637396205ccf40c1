namespace MoeLora.Training.Synthesis.Tasks;

/// <summary>How far a consultation has come; each stage holds those before it, but <see cref="Opened"/>.</summary>
internal enum ConsultationStage
{
    /// <summary>The patient named a complaint without saying for how long.</summary>
    Opened,

    /// <summary>The patient named a complaint and its days.</summary>
    Complained,

    /// <summary>The doctor asked for another complaint, and the patient answered.</summary>
    Questioned,

    /// <summary>The doctor asked for an examination, and the patient answered.</summary>
    Examined,

    /// <summary>The doctor named the disease and a drug.</summary>
    Concluded,

    /// <summary>The patient said thanks.</summary>
    Thanked,
}

/// <summary>What the patient says to the doctor's question for another complaint.</summary>
internal enum PatientAnswer
{
    /// <summary>It is there.</summary>
    Yes,

    /// <summary>It is not.</summary>
    No,

    /// <summary>The patient cannot say.</summary>
    Unsure,
}

/// <summary>What the patient says of the examination.</summary>
internal enum ExamOutcome
{
    /// <summary>It showed nothing.</summary>
    Normal,

    /// <summary>It showed something.</summary>
    Abnormal,

    /// <summary>There was none.</summary>
    Undone,
}

/// <summary>
/// A dialogue of a patient and a doctor who keeps to rules: the complaint's organ system decides what is asked, examined and given.
/// Three tasks ask for different things of the same dialogues.
/// </summary>
internal sealed class Consultation
{
    private readonly Scene _scene;
    private readonly List<string> _turns = [];

    /// <summary>A dialogue up to a stage.</summary>
    /// <param name="scene">What it is about.</param>
    /// <param name="stage">The last stage.</param>
    /// <param name="remarks">How probable it is that the doctor mentions a complaint that is not the patient's.</param>
    /// <param name="pasts">How probable it is that the patient mentions an earlier disease.</param>
    public Consultation(Scene scene, ConsultationStage stage, double remarks = 0, double pasts = 0)
    {
        _scene = scene;
        string system = scene.Disease.System;
        Symptom = scene.Name(scene.Draw(TermKind.Symptom, system));
        Days = scene.Number(2, 14);
        Asked = scene.Name(scene.First(TermKind.Symptom, system));
        Exam = scene.Name(scene.First(TermKind.Exam, system));
        RuleDrug = scene.Name(scene.First(TermKind.Drug, system));
        Patient(stage == ConsultationStage.Opened ? "complain short" : "complain", ("symptom", Symptom), ("n", Days));
        if (scene.Draws.Chance(pasts))
        {
            Past = scene.Name(scene.Draw(TermKind.Disease));
            _turns[^1] += Space + scene.Say("past", ("past", Past));
        }

        if (stage >= ConsultationStage.Questioned)
            Question(remarks);
        if (stage >= ConsultationStage.Examined)
            Examine();
        if (stage >= ConsultationStage.Concluded)
        {
            Drug = scene.Name(scene.Draw(TermKind.Drug, system));
            Doctor("conclude", ("disease", Disease), ("drug", Drug));
        }

        if (stage >= ConsultationStage.Thanked)
            Patient("thanks");
    }

    /// <summary>The dialogue, one turn a line.</summary>
    public string Text => string.Join('\n', _turns);

    /// <summary>The patient's complaint.</summary>
    public string Symptom { get; }

    /// <summary>For how many days.</summary>
    public string Days { get; }

    /// <summary>The complaint that the rules ask for.</summary>
    public string Asked { get; }

    /// <summary>The patient's answer to that; null before it.</summary>
    public PatientAnswer? Answer { get; private set; }

    /// <summary>A complaint that the doctor mentions and that is not the patient's; null when there is none.</summary>
    public string? Other { get; private set; }

    /// <summary>The examination that the rules ask for.</summary>
    public string Exam { get; }

    /// <summary>What came of it; null before the patient says.</summary>
    public ExamOutcome? Outcome { get; private set; }

    /// <summary>An earlier disease of the patient; null when none is mentioned.</summary>
    public string? Past { get; }

    /// <summary>What the doctor concludes.</summary>
    public string Disease => _scene.Name(_scene.Disease);

    /// <summary>What the rules give when the examination is abnormal.</summary>
    public string RuleDrug { get; }

    /// <summary>What the doctor gives with the conclusion; null before it.</summary>
    public string? Drug { get; }

    private string Space => _scene.Phrases.Language == SyntheticLanguage.Chinese ? "" : " ";

    private void Question(double remarks)
    {
        Doctor("ask", ("asked", Asked));
        Answer = (PatientAnswer)_scene.Draws.Below(3);
        string key = Answer switch { PatientAnswer.Yes => "yes", PatientAnswer.No => "no", _ => "unsure" };
        Patient(key, ("asked", Asked));
        if (!_scene.Draws.Chance(remarks))
            return;
        Other = _scene.Name(_scene.Draw(TermKind.Symptom));
        Doctor("remark", ("disease", Disease), ("other", Other));
    }

    private void Examine()
    {
        Doctor("ask exam", ("exam", Exam));
        Outcome = (ExamOutcome)_scene.Draws.Below(3);
        Patient(Outcome switch { ExamOutcome.Normal => "exam normal", ExamOutcome.Abnormal => "exam abnormal", _ => "exam undone" });
    }

    private void Patient(string key, params ReadOnlySpan<(string Slot, string Text)> slots) => _turns.Add(_scene.Word("patient") + _scene.Say(key, slots));

    private void Doctor(string key, params ReadOnlySpan<(string Slot, string Text)> slots) => _turns.Add(_scene.Word("doctor") + _scene.Say(key, slots));
}
