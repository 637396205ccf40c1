using System.Text.RegularExpressions;
using MoeLora.Training.Methods;
using MoeLora.Training.Reports;
using MoeLora.Training.Reports.Documents;
using MoeLora.Training.Reports.Results;
using MoeLora.Training.Reports.Sections;
using MoeLora.Training.Scores;

namespace MoeLora.Training.Tests.Reports;

public sealed class ExperimentReportTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Write_WholeExperiment_HasEveryTableAndFigureOfThePaper()
    {
        ExperimentReport.Write(MadeUpResults.Whole(), _folder.Path);

        string markdown = _folder.Read("report.md"), html = _folder.Read("report.html");
        string[] sections = ["In short", "Methods and tasks", "Differences from MOELoRA (D)", "Ablations", "Number of experts N", "Rank r", "Samplers", "Efficiency", "Expert weights by task", "All metrics", "Settings", "What failed"];
        Assert.Equal(sections, Regex.Matches(markdown, "^## (.*)$", RegexOptions.Multiline).Select(match => match.Groups[1].Value));
        Assert.Equal(sections, Regex.Matches(html, "<h2>(.*)</h2>").Select(match => match.Groups[1].Value));
        string[] links = [.. Regex.Matches(markdown, @"\]\((.*?)\)").Select(match => match.Groups[1].Value)];
        Assert.Equal(2 + (3 * 3), links.Length); // two sweeps; three gates with three seeds
        Assert.All(links, link => Assert.True(File.Exists(_folder.File(link)), link));
        Assert.Equal(links.Length, Regex.Count(html, "<svg "));
    }

    [Fact]
    public void Write_Html_NeedsNothingBesideIt()
    {
        ExperimentReport.Write(MadeUpResults.Whole(), _folder.Path);

        string html = _folder.Read("report.html");

        Assert.DoesNotMatch("<script|<link|<img|<iframe|@import|url\\(|src=|href=", html);
        Assert.Equal(["http://www.w3.org/2000/svg"], Regex.Matches(html, "https?://[^\"]*").Select(match => match.Value).Distinct());
    }

    [Fact]
    public void Overall_Columns_MarkBestAndSecondByMean()
    {
        ExperimentResults results = MadeUpResults.Empty() with
        {
            Cells =
            [
                MadeUpResults.Cell("lora-full", 1, 0.1, 0.5),
                MadeUpResults.Cell("lora-full", 2, 0.3, 0.5),
                MadeUpResults.Cell("moelora-d", 1, 0.6, 0.5),
                MadeUpResults.Cell("in-context", 1, 0.4, 0.1),
                MadeUpResults.Cell("without-gate", 1, 0.9, 0.9),
            ],
        };

        DataTable table = ScoreTable.Overall(results)!;

        Assert.Equal(["Method", "one", "two", "Average", "n"], table.Columns);
        Assert.Equal(["Without fine-tuning", "LoRA and P-Tuning", "MOELoRA"], table.Groups.Select(group => group.Name));
        TableRow[] rows = [.. table.Groups.SelectMany(group => group.Rows)];
        Assert.Equal([new("0.4000", null, CellRank.Second), new("0.1000", null, CellRank.Second), new("0.2500"), new TableCell("1")], rows[0].Cells);
        // Deviations: of 0.1 and 0.3 √0.02; of the averages 0.3 and 0.4 √0.005.
        Assert.Equal([new("0.2000", "± 0.1414"), new("0.5000", "± 0.0000", CellRank.Best), new("0.3500", "± 0.0707", CellRank.Second), new TableCell("2")], rows[1].Cells);
        Assert.Equal([new("0.6000", null, CellRank.Best), new("0.5000", null, CellRank.Best), new("0.5500", null, CellRank.Best), new TableCell("1")], rows[2].Cells);
    }

    [Fact]
    public void Sweep_AtTheExperimentsOwnValue_CountsEachSeedOnce()
    {
        Method method = Method.MoeLoraDense;
        string[] tasks = ["one", "two"];
        ExperimentResults results = MadeUpResults.Empty() with
        {
            Cells =
            [
                MadeUpResults.Cell("moelora-d", 1, 0.1, 0.1),
                MadeUpResults.Cell("moelora-d", 2, 0.2, 0.2),
                MadeUpResults.Cell("moelora-d", 1, ExperimentVariant.Experts(8), tasks, 0.4, 0.4),
                MadeUpResults.Cell("moelora-d", 1, ExperimentVariant.Experts(4), tasks, 0.9, 0.9),
            ],
        };

        ScoreRow row = ScoreRow.Of(results, method, ExperimentVariant.Experts(8), "8");

        Assert.Equal(2, row.Average!.Value.Count);
        Assert.Equal(0.3, row.Average.Value.Mean, 12);
        DataTable table = VariantSection.Build(results, VariantKind.Experts).OfType<DataTable>().Single();
        Assert.Equal(["4", "8"], table.Groups.Single().Rows.Select(shown => shown.Name));
    }

    [Fact]
    public void Efficiency_WhatWasMeasuredOfNoMethod_HasNoColumn()
    {
        ExperimentResults results = MadeUpResults.Empty() with
        {
            Cells =
            [
                MadeUpResults.Cell("lora-full", 1, 0.5, 0.5) with { TrainableParameters = 1000, TotalParameters = 4000, MillisecondsPerToken = 2 },
                MadeUpResults.Cell("moelora-d", 1, 0.5, 0.5) with { TrainingSeconds = 10, TrainingTokens = 5000 },
            ],
        };

        DataTable table = EfficiencySection.Build(results).OfType<DataTable>().Single();

        Assert.Equal(["Method", "Trained parameters", "Share", "Tokens", "Training, s", "Tokens/s", "Token, ms"], table.Columns);
        Assert.Equal(["1,000", "25.00 %", "–", "–", "–", "2.000"], table.Groups[0].Rows[0].Cells.Select(cell => cell.Text));
        Assert.Equal(["–", "–", "5,000", "10.00", "500.0", "–"], table.Groups[0].Rows[1].Cells.Select(cell => cell.Text));
    }

    [Fact]
    public void Write_UnfinishedExperiment_ShowsWhatIsThere()
    {
        ExperimentReport.Write(MadeUpResults.Empty(), _folder.Path);
        Assert.Contains("0 cells done", _folder.Read("report.md"), StringComparison.Ordinal);

        ExperimentReport.Write(MadeUpResults.Empty().With(MadeUpResults.Cell("lora-full", 1, 0.5)), _folder.Path);

        Assert.Contains("| LoRA (Full) | 0.5000 | – | – | 1 |", _folder.Read("report.md"), StringComparison.Ordinal);
    }

    [Fact]
    public void Write_HostileNames_AreEscapedEverywhere()
    {
        string[] tasks = ["<b onload=x>|`a`\n# x", "=1+1,\"q\""];
        ExperimentCell cell = MadeUpResults.Cell("moelora-d", 1, ExperimentVariant.Main, tasks, 0.1, 0.2) with
        {
            ExpertWeights = tasks.ToDictionary(task => task, IReadOnlyList<double> (_) => [0.5, 0.5]),
        };
        ExperimentResults results = MadeUpResults.Empty(tasks) with
        {
            Title = "</title><script>alert(1)</script>",
            Settings = [new("<i>", "a | b\r\n## c")],
            Cells = [cell, MadeUpResults.Cell("lora-full", 1, ExperimentVariant.Sampler("<s>"), tasks, 0.1, 0.2), new ExperimentCell { Method = "lora-full", Seed = 2, Status = CellStatus.Failed, Failure = "*<u>*" }],
        };

        ExperimentReport.Write(results, _folder.Path);

        string html = _folder.Read("report.html"), markdown = _folder.Read("report.md"), csv = _folder.Read("scores.csv");
        Assert.DoesNotMatch("<script|<b onload|<i>|<s>|<u>\\*", html);
        Assert.DoesNotMatch("<script|<b onload|<i>|<s>|<u>", markdown);
        Assert.Contains(@"&lt;b onload=x&gt;\|\`a\` \# x", markdown, StringComparison.Ordinal);
        Assert.Single(Regex.Matches(markdown, "^# ", RegexOptions.Multiline));
        Assert.DoesNotMatch("(?m)^## c", markdown);
        Assert.Contains("moelora-d,MOELoRA (D),,1,\"<b onload=x>|`a`\n# x\",micro_f1,0.1,", csv, StringComparison.Ordinal);
        Assert.Contains(",\"'=1+1,\"\"q\"\"\",micro_f1,0.2,", csv, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_Csv_HasARowForEachMeasurement()
    {
        ExperimentResults results = MadeUpResults.Whole();

        ExperimentReport.Write(results, _folder.Path);

        // The failure is one line; no text here holds a line end.
        int Lines(string name) => _folder.Read(name).Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Length - 1;
        Assert.Equal(results.Cells.Sum(cell => cell.Scores.Count), Lines("scores.csv"));
        Assert.Equal(results.Cells.Count, Lines("cells.csv"));
        Assert.Equal(results.Cells.Sum(cell => cell.ExpertWeights?.Sum(weights => weights.Value.Count) ?? 0), Lines("expert_weights.csv"));
    }

    [Fact]
    public void Csv_Numbers_KeepAllTheirDigits()
    {
        double score = 0.1 + 0.2;
        TaskScore measured = MadeUpResults.Score(score);
        ExperimentResults results = MadeUpResults.Empty("one").With(MadeUpResults.Cell("lora-full", -3, score) with { Scores = new Dictionary<string, TaskScore> { ["one"] = measured } });

        ExperimentReport.Write(results, _folder.Path);

        Assert.Contains("lora-full,LoRA (Full),,-3,one,micro_f1,0.30000000000000004,", _folder.Read("scores.csv"), StringComparison.Ordinal);
    }

    [Fact]
    public void Summary_WhereDenseIsNotTheBest_SaysItsPlace()
    {
        ExperimentResults results = MadeUpResults.Empty() with
        {
            Cells =
            [
                MadeUpResults.Cell("moelora-d", 1, 0.5, 0.5),
                MadeUpResults.Cell("lora-full", 1, 0.7, 0.6),
                MadeUpResults.Cell("p-tuning", 1, 0.6, 0.6),
            ],
        };

        string text = string.Join('\n', ComparisonSection.Summary(results).OfType<Paragraph>().Select(paragraph => paragraph.Text));

        Assert.Contains("LoRA (Full) has the highest average score, 0.6500 (n = 1). MOELoRA (D) is 3rd with 0.5000 (n = 1).", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.00012345, "1.235e−4")]
    [InlineData(0.012345, "0.01235")]
    [InlineData(1.5, "1.500")]
    [InlineData(12345.6, "12,346")]
    [InlineData(0.0, "0")]
    [InlineData(double.NaN, "NaN")]
    [InlineData(null, "–")]
    public void Quantity_OfANumber_HasFourDigits(double? value, string text) => Assert.Equal(text, ReportNumber.Quantity(value));
}
