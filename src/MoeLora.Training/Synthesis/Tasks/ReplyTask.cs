namespace MoeLora.Training.Synthesis.Tasks;

/// <summary>MedDG: what the doctor says next, by rules that depend on the patient's last words and on the complaint's organ system.</summary>
internal sealed class ReplyTask : ISyntheticTask
{
    private static readonly ConsultationStage[] Stages =
        [ConsultationStage.Opened, ConsultationStage.Complained, ConsultationStage.Questioned, ConsultationStage.Examined, ConsultationStage.Thanked];

    /// <inheritdoc/>
    public string Name => "MedDG";

    /// <inheritdoc/>
    public SyntheticSample Compose(Scene scene, bool bare)
    {
        ConsultationStage stage = scene.Draws.Pick(Stages);
        var dialogue = new Consultation(scene, stage);
        string reply = stage switch
        {
            ConsultationStage.Opened => scene.Word("askdays", ("symptom", dialogue.Symptom)),
            ConsultationStage.Complained => scene.Word("asksign", ("asked", dialogue.Asked)),
            ConsultationStage.Questioned when dialogue.Answer == PatientAnswer.Unsure => scene.Word("watch", ("asked", dialogue.Asked)),
            ConsultationStage.Questioned => scene.Word("sendexam", ("exam", dialogue.Exam)),
            ConsultationStage.Examined => scene.Word(
                dialogue.Outcome switch { ExamOutcome.Normal => "calm", ExamOutcome.Abnormal => "prescribe", _ => "hurryexam" },
                ("drug", dialogue.RuleDrug),
                ("exam", dialogue.Exam)),
            _ => scene.Word("welcome"),
        };
        return new SyntheticSample(dialogue.Text, [], reply, null);
    }
}
