namespace MoeLora.Training.Synthesis.Tasks;

/// <summary>IMCS-V2-MRG: the facts of a whole consultation in the six sections of a report.</summary>
internal sealed class ReportTask : ISyntheticTask
{
    private const double Remarks = 0.2;
    private const double Pasts = 0.4;

    /// <inheritdoc/>
    public string Name => "IMCS-V2-MRG";

    /// <inheritdoc/>
    public SyntheticSample Compose(Scene scene, bool bare)
    {
        ConsultationStage stage = scene.Draws.Chance(0.5) ? ConsultationStage.Concluded : ConsultationStage.Thanked;
        var dialogue = new Consultation(scene, stage, Remarks, Pasts);
        string history = dialogue.Answer switch { PatientAnswer.Yes => "with", PatientAnswer.No => "without", _ => "unknown" };
        string exam = dialogue.Outcome switch { ExamOutcome.Normal => "normal", ExamOutcome.Abnormal => "abnormal", _ => "undone" };
        string[] lines =
        [
            "上述问诊对话的诊疗报告如下：",
            "主诉：" + scene.Word("complaint", ("symptom", dialogue.Symptom), ("n", dialogue.Days)),
            "现病史：" + scene.Word(history, ("symptom", dialogue.Symptom), ("n", dialogue.Days), ("asked", dialogue.Asked)),
            "辅助检查：" + scene.Word(exam, ("exam", dialogue.Exam)),
            "既往史：" + (dialogue.Past is { } past ? scene.Word("history", ("past", past)) : scene.Word("nohistory")),
            "诊断：" + scene.Word("diagnosis", ("disease", dialogue.Disease)),
            "建议：" + scene.Word("advice", ("drug", dialogue.Drug!)),
        ];
        return new SyntheticSample(dialogue.Text, [], string.Join('\n', lines), null);
    }
}
