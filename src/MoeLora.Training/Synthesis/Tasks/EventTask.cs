namespace MoeLora.Training.Synthesis.Tasks;

/// <summary>CHIP-CDEE: every complaint of a note with its state, trait and body part.</summary>
internal sealed class EventTask : ISyntheticTask
{
    /// <inheritdoc/>
    public string Name => "CHIP-CDEE";

    /// <inheritdoc/>
    public SyntheticSample Compose(Scene scene, bool bare)
    {
        var note = new ClinicalNote(scene);
        IEnumerable<string> lines = note.Complaints.Select(complaint =>
            $"\n主体词：{complaint.Name}；发生状态：{State(scene, complaint.Status)}；描述词：{complaint.Trait}；解剖部位：{complaint.Part}");
        return new SyntheticSample(note.Text, [], "上述句子中的临床发现事件如下：" + string.Concat(lines), null);
    }

    private static string State(Scene scene, ComplaintStatus status) => status switch
    {
        ComplaintStatus.Denied => scene.Word("denied"),
        ComplaintStatus.Doubtful => scene.Word("doubtful"),
        _ => "",
    };
}
