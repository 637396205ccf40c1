using MoeLora.Training.Methods;
using MoeLora.Training.Reports.Documents;
using MoeLora.Training.Reports.Results;
using MoeLora.Training.Reports.Statistics;
using MoeLora.Training.Scores;

namespace MoeLora.Training.Reports.Sections;

/// <summary>What stands at the end: all metrics, the settings, and what failed.</summary>
internal static class DetailSection
{
    public static IEnumerable<ReportBlock> Metrics(ExperimentResults results)
    {
        TableGroup[] groups =
        [
            .. from method in Method.All
               let row = ScoreRow.Of(results, method)
               where row is { Cells.Count: > 0 }
               select new TableGroup(row.Name, [.. results.Tasks.Select(task => Row(row.Cells, task))]),
        ];
        if (groups.Length == 0)
            yield break;
        yield return new Heading("All metrics");
        yield return new Fold("Every metric of every task", [new DataTable("Means over the seeds.", ["Task", "Score is", "Micro F1", "Macro F1", "ROUGE-L", "Precision", "Recall"], groups)]);
    }

    public static IEnumerable<ReportBlock> Settings(ExperimentResults results)
    {
        IEnumerable<ExperimentSetting> settings =
        [
            new("experts N", ReportNumber.Count(results.Experts)),
            new("rank r", ReportNumber.Count(results.Rank)),
            new("sampler", results.Sampler),
            .. results.Settings,
        ];
        yield return new Heading("Settings");
        TableRow[] rows = [.. settings.Select(setting => new TableRow(setting.Name, [new TableCell(setting.Value)]))];
        yield return new DataTable("For all cells, where a table does not say otherwise.", ["Setting", "Value"], [new TableGroup(null, rows)]) { IsText = true };
    }

    public static IEnumerable<ReportBlock> Failures(ExperimentResults results)
    {
        TableRow[] rows = [.. results.Cells.Where(cell => cell.Status == CellStatus.Failed).Select(cell => new TableRow(cell.Key.ToString(), [new TableCell(cell.Failure!)]))];
        if (rows.Length == 0)
            yield break;
        yield return new Heading("What failed");
        yield return new DataTable("These cells have no scores, and are in no mean.", ["Cell", "Why"], [new TableGroup(null, rows)]) { IsText = true };
    }

    private static TableRow Row(IReadOnlyList<ExperimentCell> cells, string task)
    {
        TaskScore[] scores = [.. cells.Where(cell => cell.Scores.ContainsKey(task)).Select(cell => cell.Scores[task])];
        TableCell Mean(Func<TaskScore, double?> metric) =>
            new(SampleStatistics.Of(scores.Select(metric)) is { } statistics ? ReportNumber.Score(statistics.Mean) : ReportNumber.Missing);
        return new TableRow(task,
        [
            new TableCell(scores.Length > 0 ? scores[0].Metric : ReportNumber.Missing),
            Mean(score => score.MicroF1),
            Mean(score => score.MacroF1),
            Mean(score => score.RougeL),
            Mean(score => score.Precision),
            Mean(score => score.Recall),
        ]);
    }
}
