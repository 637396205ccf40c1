using MoeLora.Training.Records;
using MoeLora.Training.Synthesis;
using MoeLora.Training.Synthesis.Tasks;

namespace MoeLora.Training.Tests.Synthesis;

public sealed class SyntheticDataTests
{
    private static readonly SynthesisOptions Small = new() { Size = 60, DevSize = 10, TestSize = 10, Seed = 5 };

    [Fact]
    public void Generate_SameOptions_SameRecords()
    {
        SynthesisOptions options = Small with { EnglishShare = 0.5, Noise = 0.3 };
        SyntheticData first = SyntheticData.Generate(options), second = SyntheticData.Generate(options);
        Assert.Equal(first.Train.Select(Key), second.Train.Select(Key));
        Assert.Equal(first.Dev.Select(Key), second.Dev.Select(Key));
        Assert.Equal(first.Test.Select(Key), second.Test.Select(Key));
    }

    [Fact]
    public void Generate_OtherSeed_OtherRecords() =>
        Assert.NotEqual(SyntheticData.Generate(Small).Test.Select(Key), SyntheticData.Generate(Small with { Seed = 6 }).Test.Select(Key));

    [Fact]
    public void Generate_LargerTrainingSet_SameTestSet() =>
        Assert.Equal(SyntheticData.Generate(Small).Test.Select(Key), SyntheticData.Generate(Small with { Size = 100, Imbalance = 2 }).Test.Select(Key));

    [Fact]
    public void Generate_ThreeSets_ShareNoInput()
    {
        // Mostly without prompts, where tasks make the same inputs, and few words, so that inputs come again.
        SyntheticData data = SyntheticData.Generate(Small with { Size = 150, BareShare = 0.9, VocabularyShare = 0.4 });
        HashSet<string> train = Inputs(data.Train), dev = Inputs(data.Dev), test = Inputs(data.Test);
        Assert.False(train.Overlaps(dev));
        Assert.False(train.Overlaps(test));
        Assert.False(dev.Overlaps(test));
    }

    [Fact]
    public void Generate_OneTask_HasNoInputTwice()
    {
        SyntheticData data = SyntheticData.Generate(Small with { Size = 300 });
        foreach (IGrouping<string, PromptRecord> task in data.Train.GroupBy(record => record.TaskDataset))
            Assert.Equal(task.Count(), Inputs(task).Count);
    }

    [Fact]
    public void Generate_Imbalance_SizesFallInEqualRatiosToTheSmallest()
    {
        SyntheticData data = SyntheticData.Generate(Small with { Size = 128, Imbalance = 4 });
        int[] sizes = [.. data.Train.GroupBy(record => record.TaskDataset).Select(task => task.Count()).OrderDescending()];
        Assert.Equal([128, 105, 86, 71, 58, 48, 39, 32], sizes); // 128 / 4^(i/7)
        Assert.All(data.Test.GroupBy(record => record.TaskDataset), task => Assert.Equal(10, task.Count()));
    }

    [Fact]
    public void Generate_EverySet_HoldsThePapersEightTasksWithTheirTypes()
    {
        foreach (PromptRecord record in SyntheticData.Generate(Small).Dev)
            Assert.Equal(PromptTasks.Find(record.TaskDataset)!.Type, record.TaskType);
        Assert.Equal(
            PromptTasks.OfPaper.Select(task => task.Name).Order(),
            SyntheticData.Generate(Small).Dev.Select(record => record.TaskDataset).Distinct().Order());
    }

    [Fact]
    public void Generate_WithoutPrompts_OneInputHasTheAnswersOfSeveralTasks()
    {
        SyntheticData data = SyntheticData.Generate(Small with { Size = 300, BareShare = 1, VocabularyShare = 0.3 });
        int shared = data.Train.GroupBy(record => record.Input).Count(input => input.Select(record => record.Target).Distinct().Count() > 1);
        Assert.True(shared > 20, $"{shared} inputs have several answers");
    }

    [Fact]
    public void Generate_English_InputsHaveNoChinese() =>
        Assert.All(SyntheticData.Generate(Small with { EnglishShare = 1 }).Train, record => Assert.DoesNotContain(record.Input, character => character > 0x7F));

    [Fact]
    public void Generate_Chinese_EveryInputIsChinese() =>
        Assert.All(SyntheticData.Generate(Small).Train, record => Assert.Contains(record.Input, character => character is >= '\u4E00' and <= '\u9FFF'));

    [Fact]
    public void Generate_Unseen_WordsOfTestThatTrainingHasNot()
    {
        SyntheticData data = SyntheticData.Generate(Small with { Size = 200, TestSize = 100, UnseenShare = 0.3 });
        string[] unseen = [.. MedicalVocabulary.Whole.Terms.Except(MedicalVocabulary.Whole.Take(0.7).Terms).Where(term => term.Kind is TermKind.Drug).Select(term => term.Chinese)];
        Assert.DoesNotContain(data.Train, record => unseen.Any(record.Input.Contains));
        Assert.Contains(data.Test, record => unseen.Any(record.Input.Contains));
    }

    [Fact]
    public void Generate_Noise_KeepsEveryWordOfTheAnswer()
    {
        SyntheticData data = SyntheticData.Generate(Small with { Noise = 1, BareShare = 1 });
        foreach (PromptRecord record in data.Train.Where(record => record.TaskDataset == "CHIP-CDEE"))
            foreach (string line in record.Target.Split('\n').Skip(1))
                foreach (string field in line.Split('；').Where(field => !field.StartsWith("发生状态", StringComparison.Ordinal)))
                    Assert.Contains(field.Split('：')[1], record.Input, StringComparison.Ordinal);
    }

    [Fact]
    public void Generate_MoreThanThereAre_SaysOfWhichTask()
    {
        var options = new SynthesisOptions { Size = 11, DevSize = 2, TestSize = 2, BareShare = 1 };
        string message = Assert.Throws<RecordException>(() => SyntheticData.Generate(options, [new TwelveInputs()])).Message;
        Assert.StartsWith("KUAKE-QIC has hardly more than the 8 different inputs found for the train set, of which 11 are asked for.", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Generate_WrongOptions_ListsEverything()
    {
        var options = new SynthesisOptions { Size = -1, Imbalance = double.NaN, EnglishShare = 2, VocabularyShare = 0, UnseenShare = 1 };
        string message = Assert.Throws<ArgumentException>(() => SyntheticData.Generate(options)).Message;
        Assert.Equal(5, message.Split('\n').Length);
    }

    [Fact]
    public void Draws_KnownSeed_GiveTheSameNumbersForEver()
    {
        var draws = new SynthesisDraws(seed: 1, stream: 2);
        // Computed by another program.
        Assert.Equal([357, 840, 334, 483, 489, 266, 240, 214], Enumerable.Range(0, 8).Select(_ => draws.Below(1000)));
    }

    private static string Key(PromptRecord record) => $"{record.SampleId} {record.Input} {record.Target} {string.Join('|', record.AnswerChoices ?? [])}";

    private static HashSet<string> Inputs(IEnumerable<PromptRecord> records) => [.. records.Select(record => record.Input)];

    private sealed class TwelveInputs : ISyntheticTask
    {
        public string Name => "KUAKE-QIC";

        public SyntheticSample Compose(Scene scene, bool bare) => new(scene.Number(1, 12), [], "-", null);
    }
}
