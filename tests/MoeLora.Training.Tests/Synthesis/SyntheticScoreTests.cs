using MoeLora.Training.Records;
using MoeLora.Training.Scores;
using MoeLora.Training.Segmentation;
using MoeLora.Training.Synthesis;

namespace MoeLora.Training.Tests.Synthesis;

/// <summary>The answers are in the form that the authors' evaluation takes apart, in both languages.</summary>
public sealed class SyntheticScoreTests
{
    private static readonly SynthesisOptions Options = new() { Size = 0, DevSize = 0, TestSize = 30 };

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Score_OwnAnswers_IsOneForEveryTask(double englishShare)
    {
        IReadOnlyList<PromptRecord> test = SyntheticData.Generate(Options with { EnglishShare = englishShare }).Test;
        ScoreReport report = Evaluation.Score(test, test, new BuiltInSegmenter());
        Assert.Equal(8, report.Scores.Count);
        // ROUGE-L as the authors compute it adds 1e-8 to a divisor.
        Assert.All(report.Scores, score => Assert.Equal(1, score.Value.Score, 1e-8));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Score_AnswersOfOtherRecords_IsLowForEveryTask(double englishShare)
    {
        IReadOnlyList<PromptRecord> test = SyntheticData.Generate(Options with { EnglishShare = englishShare }).Test;
        IEnumerable<PromptRecord> shifted = test.GroupBy(record => record.TaskDataset).SelectMany(task => task.Zip(task.Skip(1).Append(task.First()), (record, next) => record with { Target = next.Target }));
        ScoreReport report = Evaluation.Score(test, shifted, new BuiltInSegmenter());
        // Labels and fixed sentences agree by chance; reports share their sections' fixed words.
        Assert.All(report.Scores, score => Assert.InRange(score.Value.Score, 0, 0.6));
    }

    [Fact]
    public void Parse_Extraction_FindsEveryItem()
    {
        foreach (PromptRecord record in SyntheticData.Generate(Options with { EnglishShare = 0.5 }).Test)
        {
            int expected = record.TaskDataset switch
            {
                "CMeIE" => record.Target.Split("头实体为").Length - 1,
                "CHIP-CDN" => record.Target.Split('，').Length,
                "CHIP-CDEE" or "CHIP-MDCFNPC" => record.Target.Split('\n').Length - 1,
                _ => 0,
            };
            if (expected > 0)
                Assert.Equal(expected, AnswerParser.ParseItems(record).Count);
        }
    }
}
