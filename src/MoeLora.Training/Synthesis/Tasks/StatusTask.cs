namespace MoeLora.Training.Synthesis.Tasks;

/// <summary>CHIP-MDCFNPC: for every complaint of a dialogue whether the patient has it. The four labels are fixed words of the answer.</summary>
internal sealed class StatusTask : ISyntheticTask
{
    private const double Remarks = 0.5;
    private const string Present = "已有症状疾病或者假设未来可能发生的疾病等";
    private const string Denied = "未患有症状疾病";
    private const string Unknown = "没有回答、不知道、回答不明确或者模棱两可不好推断";
    private const string Unrelated = "无实际意义的不标注或者和病人当前的状态独立不标注";

    /// <summary>The labels.</summary>
    public static IReadOnlyList<string> Labels { get; } = [Present, Denied, Unknown, Unrelated];

    /// <inheritdoc/>
    public string Name => "CHIP-MDCFNPC";

    /// <inheritdoc/>
    public SyntheticSample Compose(Scene scene, bool bare)
    {
        var stage = (ConsultationStage)((int)ConsultationStage.Questioned + scene.Draws.Below(3));
        var dialogue = new Consultation(scene, stage, remarks: Remarks);
        string answer = dialogue.Answer switch { PatientAnswer.Yes => Present, PatientAnswer.No => Denied, _ => Unknown };
        List<(string Entity, string Status)> statuses = [(dialogue.Symptom, Present), (dialogue.Asked, answer)];
        if (dialogue.Other is { } other)
            statuses.Add((other, Unrelated));
        return new SyntheticSample(
            dialogue.Text,
            [.. statuses.Select(status => status.Entity)],
            "上述对话中临床发现实体以及其阴阳性判别如下：" + string.Concat(statuses.Select(status => $"\n{status.Entity}：{status.Status}")),
            Labels);
    }
}
