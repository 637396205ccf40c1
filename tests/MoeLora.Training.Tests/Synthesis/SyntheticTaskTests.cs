using MoeLora.Training.Synthesis;
using MoeLora.Training.Synthesis.Tasks;

namespace MoeLora.Training.Tests.Synthesis;

public sealed class SyntheticTaskTests
{
    public static TheoryData<string, bool> TasksInBothLanguages()
    {
        var data = new TheoryData<string, bool>();
        foreach (ISyntheticTask task in SyntheticData.Tasks)
        {
            data.Add(task.Name, false);
            data.Add(task.Name, true);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(TasksInBothLanguages))]
    public void Compose_SameInput_SameAnswer(string name, bool english)
    {
        // Few words, so that many inputs come again.
        MedicalVocabulary vocabulary = MedicalVocabulary.Whole.Take(0.01);
        ISyntheticTask task = SyntheticData.Tasks.First(task => task.Name == name);
        var answers = new Dictionary<string, string>();
        int again = 0;
        for (int i = 0; i < 4000; i++)
        {
            bool bare = i % 2 == 0;
            SyntheticSample sample = task.Compose(new Scene(vocabulary, Language(english), new SynthesisDraws(i, 0)), bare);
            string input = bare && !sample.AlwaysShowsOptions ? sample.Body : $"{sample.Body}\n{string.Join('，', sample.Options)}";
            if (answers.TryGetValue(input, out string? before))
            {
                Assert.Equal(before, sample.Target);
                again++;
            }

            answers[input] = sample.Target;
        }

        // Whole consultations hardly ever come again; they have a test of their own.
        Assert.True(again > 0 || name == "IMCS-V2-MRG", "no input came again");
    }

    [Theory]
    [MemberData(nameof(TasksInBothLanguages))]
    public void Compose_Choices_HoldTheAnswerWhereItIsOneOfThem(string name, bool english)
    {
        ISyntheticTask task = SyntheticData.Tasks.First(task => task.Name == name);
        for (int i = 0; i < 200; i++)
        {
            SyntheticSample sample = task.Compose(new Scene(MedicalVocabulary.Whole, Language(english), new SynthesisDraws(i, 0)), bare: i % 2 == 0);
            if (name is "CHIP-CTC" or "KUAKE-QIC" or "CHIP-CDN")
                Assert.Subset(sample.Choices!.ToHashSet(), sample.Target.Split('，').ToHashSet());
            Assert.NotEmpty(sample.Target);
            Assert.Equal(sample.Choices?.Count, sample.Choices?.Distinct().Count());
        }
    }

    [Fact]
    public void Compose_Report_HasTheSixSections()
    {
        for (int i = 0; i < 50; i++)
        {
            SyntheticSample sample = new ReportTask().Compose(new Scene(MedicalVocabulary.Whole, SyntheticLanguage.Chinese, new SynthesisDraws(i, 0)), bare: false);
            Assert.Equal(["主诉", "现病史", "辅助检查", "既往史", "诊断", "建议"], sample.Target.Split('\n').Skip(1).Select(line => line.Split('：')[0]));
        }
    }

    [Fact]
    public void Compose_Report_EveryFactIsInTheDialogue()
    {
        for (int i = 0; i < 200; i++)
        {
            SyntheticSample sample = new ReportTask().Compose(new Scene(MedicalVocabulary.Whole, SyntheticLanguage.Chinese, new SynthesisDraws(i, 0)), bare: false);
            Dictionary<string, string> sections = sample.Target.Split('\n').Skip(1).Select(line => line.TrimEnd('。').Split('：')).ToDictionary(line => line[0], line => line[1]);
            string dialogue = sample.Body;
            Assert.Contains(sections["诊断"], dialogue.Split('\n').Last(turn => turn.StartsWith("医生", StringComparison.Ordinal)), StringComparison.Ordinal);
            Assert.Contains(sections["建议"].Replace("服用", ""), dialogue, StringComparison.Ordinal);
            Assert.Contains(sections["主诉"].TrimEnd('天').TrimEnd([.. "0123456789"]), dialogue.Split('\n')[0], StringComparison.Ordinal);
            Assert.Equal(dialogue.Contains("病史") || dialogue.Contains("得过"), sections["既往史"] != "不详");
            bool denied = dialogue.Split('\n')[2] is var answer && answer.StartsWith("患者：没有", StringComparison.Ordinal);
            Assert.Equal(denied, sections["现病史"].Contains("，无"));
        }
    }

    [Fact]
    public void Note_TraitAndPart_BelongToTheNextComplaint()
    {
        for (int i = 0; i < 200; i++)
        {
            var note = new ClinicalNote(new Scene(MedicalVocabulary.Whole, SyntheticLanguage.Chinese, new SynthesisDraws(i, 0)));
            foreach (Complaint complaint in note.Complaints)
                Assert.Contains($"{complaint.Part}{complaint.Trait}{complaint.Name}", note.Text, StringComparison.Ordinal);
        }
    }

    private static SyntheticLanguage Language(bool english) => english ? SyntheticLanguage.English : SyntheticLanguage.Chinese;
}
