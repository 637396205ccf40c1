namespace MoeLora.Training.Synthesis.Tasks;

/// <summary>CMeIE: the relations of a note's disease, one line for each relation asked for, or for each that occurs when none is named.</summary>
internal sealed class RelationTask : ISyntheticTask
{
    private const int MostAsked = 3;

    /// <summary>The relations, as the phrases' words are named.</summary>
    public static IReadOnlyList<string> Relations { get; } = ["sign", "drug", "exam", "part", "alias"];

    /// <inheritdoc/>
    public string Name => "CMeIE";

    /// <inheritdoc/>
    public SyntheticSample Compose(Scene scene, bool bare)
    {
        var note = new ClinicalNote(scene);
        HashSet<string> present = [.. note.Relations.Select(relation => relation.Relation)];
        List<string> asked = bare
            ? [.. Relations.Where(present.Contains)]
            : Ask(scene, present);
        string[] names = [.. (bare ? Relations : (IEnumerable<string>)asked).Select(relation => scene.Word(relation))];
        return new SyntheticSample(note.Text, names, string.Join('\n', asked.Select(relation => Line(scene, note, relation))), names);
    }

    // At least one that the note has, so that no answer is all empty lines.
    private static List<string> Ask(Scene scene, HashSet<string> present)
    {
        List<string> asked = scene.Draws.Sample(present, 1 + scene.Draws.Below(2));
        asked.AddRange(scene.Draws.Sample(Relations.Except(asked), scene.Draws.Below(MostAsked - asked.Count + 1)));
        return scene.Draws.Sample(asked, asked.Count);
    }

    private static string Line(Scene scene, ClinicalNote note, string relation) =>
        scene.Word("named", ("relation", scene.Word(relation)))
        + string.Concat(note.Relations.Where(found => found.Relation == relation).Select(found => $"头实体为{note.Disease}，尾实体为{found.Tail}。"));
}
