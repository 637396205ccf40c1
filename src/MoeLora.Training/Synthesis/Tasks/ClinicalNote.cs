namespace MoeLora.Training.Synthesis.Tasks;

/// <summary>Whether a complaint of a note is there.</summary>
internal enum ComplaintStatus
{
    /// <summary>It is.</summary>
    Present,

    /// <summary>It is denied.</summary>
    Denied,

    /// <summary>It is suspected.</summary>
    Doubtful,
}

/// <summary>A complaint as a note tells it.</summary>
/// <param name="Name">The complaint.</param>
/// <param name="Status">Whether it is there.</param>
/// <param name="Trait">How it is; null when the note does not say.</param>
/// <param name="Part">Where it is; null when the note does not say.</param>
internal sealed record Complaint(string Name, ComplaintStatus Status, string? Trait, string? Part);

/// <summary>A sentence of a medical record and the facts in it. Two tasks ask for different facts of the same sentences.</summary>
internal sealed class ClinicalNote
{
    private readonly List<Complaint> _complaints = [];
    private readonly List<(string Relation, string Tail)> _relations = [];

    /// <summary>Writes a note about the scene's disease.</summary>
    public ClinicalNote(Scene scene)
    {
        Disease = scene.Name(scene.Disease);
        string? trait = null, part = null;
        Text = scene.Choose("note").Phrase.Fill(slot =>
        {
            switch (slot)
            {
                case "disease":
                    return Disease;
                case "n":
                    return scene.Number(2, 14);
                case "trait":
                    return trait = scene.Name(scene.Draw(TermKind.Trait));
                case "part":
                    return Relate("part", part = scene.Name(scene.Draw(TermKind.Part)));
                case "drug":
                    return Relate("drug", scene.Name(scene.Draw(TermKind.Drug, scene.Disease.System)));
                case "exam":
                    return Relate("exam", scene.Name(scene.Draw(TermKind.Exam, scene.Disease.System)));
                case "alias":
                    return Relate("alias", scene.Said(scene.Disease));
                default:
                    (TermKind kind, ComplaintStatus status) = slot switch
                    {
                        "symptom" => (TermKind.Symptom, ComplaintStatus.Present),
                        "finding" => (TermKind.Finding, ComplaintStatus.Present),
                        "absent" => (TermKind.Symptom, ComplaintStatus.Denied),
                        "unsure" => (TermKind.Symptom, ComplaintStatus.Doubtful),
                        _ => throw new InvalidOperationException($"A note has no slot '{slot}'."),
                    };
                    string name = scene.Name(scene.Draw(kind));
                    _complaints.Add(new Complaint(name, status, trait, part));
                    (trait, part) = (null, null);
                    return status == ComplaintStatus.Present ? Relate("sign", name) : name;
            }
        });

        string Relate(string relation, string tail)
        {
            _relations.Add((relation, tail));
            return tail;
        }
    }

    /// <summary>The sentence.</summary>
    public string Text { get; }

    /// <summary>What it is about.</summary>
    public string Disease { get; }

    /// <summary>Every complaint in the order of the sentence.</summary>
    public IReadOnlyList<Complaint> Complaints => _complaints;

    /// <summary>Relations of the disease in the order of the sentence, named as in the phrases' words.</summary>
    public IReadOnlyList<(string Relation, string Tail)> Relations => _relations;
}
