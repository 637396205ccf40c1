using System.Text.Json;
using MoeLora.Training.Records;
using MoeLora.Training.Scores;
using MoeLora.Training.Segmentation;

namespace MoeLora.Training.Tests.Scores;

public sealed class EvaluationTests
{
    // The same formulas in double precision; only the order of additions differs.
    private const double Tolerance = 1e-9;

    private static readonly Lazy<ScoreReport> Report = new(() => Score(new KnownWords(PromptCblueData.Segmentation)));

    public static TheoryData<string> Tasks => [.. PromptTasks.All.Select(task => task.Name)];

    [Theory]
    [MemberData(nameof(Tasks))]
    public void Score_OfTheReference_IsTheAuthors(string task)
    {
        TaskScore score = Report.Value.Scores[task];

        Assert.Equal(PromptCblueData.Expected.GetProperty(task).GetProperty("score").GetDouble(), score.Score, Tolerance);
        Assert.Equal(8, score.Samples);
    }

    [Theory]
    [MemberData(nameof(Tasks))]
    public void Score_OfTheReference_HasTheAuthorsDetails(string task)
    {
        JsonElement expected = PromptCblueData.Expected.GetProperty(task);
        TaskScore score = Report.Value.Scores[task];

        if (expected.TryGetProperty("labels", out JsonElement labels))
        {
            Assert.Equal(labels.Deserialize<string[]>()!, score.Labels!.Keys);
            foreach ((double f1, LabelScore label) in expected.GetProperty("label_f1").Deserialize<double[]>()!.Zip(score.Labels.Values))
                Assert.Equal(f1, label.F1, Tolerance);
        }
        else
        {
            Assert.Equal(expected.GetProperty("precision").GetDouble(), score.Precision, Tolerance);
            Assert.Equal(expected.GetProperty("recall").GetDouble(), score.Recall, Tolerance);
        }
    }

    [Fact]
    public void Score_OfTheReference_AveragesTheTasks()
    {
        double mean = PromptCblueData.Expected.EnumerateObject().Average(task => task.Value.GetProperty("score").GetDouble());

        Assert.Equal(mean, Report.Value.Average, Tolerance);
    }

    [Fact]
    public void Score_OfTrialCriteria_IsMicroAndReportsMacroToo()
    {
        TaskScore score = Report.Value.Scores["CHIP-CTC"];

        Assert.Equal("micro_f1", score.Metric);
        Assert.Equal(score.MicroF1, score.Score);
        // The expected labels' F1 of 0, 2/3, 1/2 and 2/3, and 0 for a fifth that only an answer has.
        Assert.Equal(((2.0 / 3) + 0.5 + (2.0 / 3)) / 5, score.MacroF1!.Value, Tolerance);
    }

    [Theory]
    [InlineData("MedDG")]
    [InlineData("IMCS-V2-MRG")]
    public void Score_WithBuiltInWords_IsNearTheReference(string task)
    {
        double expected = PromptCblueData.Expected.GetProperty(task).GetProperty("score").GetDouble();

        // What the project promises of the built-in segmenter; measured are 0.007 and 0.009.
        Assert.Equal(expected, Score(new BuiltInSegmenter()).Scores[task].Score, 0.03);
    }

    [Fact]
    public void Score_InAnyOrderOfPredictions_IsTheSame()
    {
        ScoreReport reversed = Evaluation.Score(PromptCblueData.ReadTruth(), PromptCblueData.ReadPredictions().Reverse(), new KnownWords(PromptCblueData.Segmentation));

        Assert.Equal(Report.Value.Average, reversed.Average);
    }

    [Fact]
    public void Score_OfTheTruthItself_IsPerfect()
    {
        IReadOnlyList<PromptRecord> truth = PromptCblueData.ReadTruth();

        // ROUGE-L's 1e-8 in the denominator keeps it a little below 1.
        Assert.All(Evaluation.Score(truth, truth, new BuiltInSegmenter()).Scores.Values, score => Assert.Equal(1, score.Score, 1e-7));
    }

    [Fact]
    public void Score_MissingExtraAndRepeatedRecords_AreAllListed()
    {
        IReadOnlyList<PromptRecord> truth = PromptCblueData.ReadTruth();
        PromptRecord[] predictions = [.. truth.Skip(2), truth[5], truth[0] with { SampleId = "stranger" }];

        string message = Assert.Throws<RecordException>(() => Evaluation.Score(truth, predictions, new BuiltInSegmenter())).Message;

        Assert.Contains($"2 records are missing from the predictions: {truth[0].SampleId} (CMeEE-V2), {truth[1].SampleId} (CMeIE).", message);
        Assert.Contains("1 record is in the predictions but not in the truth: stranger (CMeEE-V2).", message);
        Assert.Contains($"1 record is in the predictions more than once: {truth[5].SampleId} (CHIP-CTC).", message);
    }

    [Fact]
    public void Score_OfNothing_IsAnError() =>
        Assert.Throws<RecordException>(() => Evaluation.Score([], [], new BuiltInSegmenter()));

    private static ScoreReport Score(IWordSegmenter segmenter) => Evaluation.Score(PromptCblueData.ReadTruth(), PromptCblueData.ReadPredictions(), segmenter);
}
