using MoeLora.Training.Reports;
using MoeLora.Training.Reports.Results;
using MoeLora.Training.Scores;

namespace MoeLora.Training.Tests.Reports;

public sealed class ResultsFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Path => _folder.File("results.json");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Read_WhatWasWritten_WritesTheSameAgain()
    {
        ResultsFile.Write(Path, MadeUpResults.Whole());
        string first = File.ReadAllText(Path);

        ResultsFile.Write(Path, ResultsFile.Read(Path));

        Assert.Equal(first, File.ReadAllText(Path));
        Assert.Equal([Path], Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void Read_Cell_HasAllThatWasMeasured()
    {
        ExperimentCell written = MadeUpResults.Whole().Cells.Single(cell => cell is { Method: "moelora-d", Seed: 2, Variant.Kind: VariantKind.Main });
        ResultsFile.Write(Path, MadeUpResults.Whole());

        ExperimentCell read = ResultsFile.Read(Path).Find(new CellKey("moelora-d", ExperimentVariant.Main, 2))!;

        Assert.Equal(written.Scores["MedDG"], read.Scores["MedDG"]);
        Assert.Equal(written.ExpertWeights!["MedDG"], read.ExpertWeights!["MedDG"]);
        Assert.Equal(written with { Scores = read.Scores, ExpertWeights = read.ExpertWeights }, read);
    }

    [Fact]
    public void With_CellOfTheSameName_TakesItsPlace()
    {
        ExperimentResults results = MadeUpResults.Empty().With(MadeUpResults.Cell("lora-full", 1, 0.1, 0.2)).With(MadeUpResults.Cell("lora-full", 2, 0.1, 0.2));

        results = results.With(MadeUpResults.Cell("lora-full", 1, 0.3, 0.4));

        Assert.Equal(2, results.Cells.Count);
        Assert.Equal(0.3, results.Find(new CellKey("lora-full", ExperimentVariant.Main, 1))!.Score("one"));
        Assert.Null(results.Find(new CellKey("lora-full", ExperimentVariant.Rank(4), 1)));
    }

    [Fact]
    public void Average_WithoutATask_IsNone()
    {
        ExperimentCell cell = MadeUpResults.Cell("lora-full", 1, 0.2, 0.4);

        Assert.Equal(0.3, cell.Average(["one", "two"])!.Value, 12);
        Assert.Null(cell.Average(["one", "two", "three"]));
        Assert.Null((cell with { Status = CellStatus.Failed }).Average(["one"]));
    }

    [Fact]
    public void Read_BrokenJson_NamesTheLine()
    {
        File.WriteAllText(Path, "{\n  \"title\": \"x\",\n  \"tasks\": 3\n}\n");

        ReportException refusal = Assert.Throws<ReportException>(() => ResultsFile.Read(Path));

        Assert.StartsWith($"{Path}: line 3: ", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("experts")]
    [InlineData("experts=0")]
    [InlineData("rank=-4")]
    [InlineData("depth=3")]
    [InlineData("sampler=")]
    public void Read_UnknownVariant_IsRefused(string variant)
    {
        ResultsFile.Write(Path, MadeUpResults.Empty().With(MadeUpResults.Cell("lora-full", 1, 0.1, 0.2)));
        File.WriteAllText(Path, File.ReadAllText(Path).Replace("\"variant\": \"\"", $"\"variant\": \"{variant}\""));

        Assert.Contains("experts=N", Assert.Throws<ReportException>(() => ResultsFile.Read(Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FindProblems_OfContradictions_NamesEach()
    {
        ExperimentCell cell = MadeUpResults.Cell("lora-full", 1, 0.1, 0.2);
        ExperimentResults results = MadeUpResults.Empty() with
        {
            Cells =
            [
                cell,
                cell,
                cell with { Method = "magic" },
                cell with { Seed = 2, Scores = new Dictionary<string, TaskScore>() },
                cell with { Seed = 3, Status = CellStatus.Failed },
                cell with { Seed = 4, Scores = new Dictionary<string, TaskScore> { ["three"] = MadeUpResults.Score(0.5) } },
                cell with { Seed = 5, Scores = new Dictionary<string, TaskScore> { ["one"] = MadeUpResults.Score(double.NaN) } },
                cell with { Seed = 6, ExpertWeights = new Dictionary<string, IReadOnlyList<double>> { ["one"] = [1], ["two"] = [0.5, 0.5] } },
            ],
        };

        IReadOnlyList<string> problems = results.FindProblems();

        string[] expected = ["is there 2 times", "no method 'magic'", "done without scores", "failed without a reason", "'three' is none", "score NaN of 'one'", "different numbers of experts"];
        Assert.Equal(expected.Length, problems.Count);
        Assert.All(expected.Zip(problems), pair => Assert.Contains(pair.First, pair.Second, StringComparison.Ordinal));
        Assert.Throws<ArgumentException>(() => ResultsFile.Write(Path, results));
        Assert.False(File.Exists(Path));
    }

    [Theory]
    [InlineData("")]
    [InlineData("experts=4")]
    [InlineData("rank=8")]
    [InlineData("sampler=per-task = odd")]
    public void Variant_Text_ReadsBack(string text)
    {
        Assert.True(ExperimentVariant.TryParse(text, out ExperimentVariant variant));
        Assert.Equal(text, variant.ToString());
    }
}
