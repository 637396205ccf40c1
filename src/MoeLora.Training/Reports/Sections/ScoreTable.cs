using MoeLora.Training.Methods;
using MoeLora.Training.Reports.Documents;
using MoeLora.Training.Reports.Results;
using MoeLora.Training.Reports.Statistics;

namespace MoeLora.Training.Reports.Sections;

/// <summary>Tables of scores by task, as in the paper: the best of each column bold, the second underlined.</summary>
internal static class ScoreTable
{
    private const string Explanation = "Mean score ± sample standard deviation over n seeds. Best bold, second underlined, by mean.";

    /// <summary>Methods × tasks, in the paper's groups; null when there are none.</summary>
    public static DataTable? Overall(ExperimentResults results)
    {
        (string?, ScoreRow[])[] groups =
        [
            .. from method in Method.All
               where method.Group != MethodGroup.Ablation
               let row = ScoreRow.Of(results, method)
               where row is not null
               group row by method.Group into rows
               select (MethodGroups.NameOf(rows.Key), rows.ToArray()),
        ];
        return groups.Length == 0 ? null : Build(Explanation, "Method", results, groups);
    }

    /// <summary>MOELoRA (D), with a part taken away or another gate; null unless there is something to compare.</summary>
    public static DataTable? Ablations(ExperimentResults results)
    {
        (string Method, string Name)[] rows =
        [
            ("without-moe", "Without MOE: one LoRA"),
            ("without-gate", "Without gate: equal weights"),
            ("moelora-m", "One gate per layer (M)"),
            ("moelora-s", "Sparse gate (S)"),
            (Method.MoeLoraDense.Id, "MOELoRA (D)"),
        ];
        ScoreRow[] found = [.. rows.Select(row => ScoreRow.Of(results, Method.Find(row.Method)!, row.Name)).OfType<ScoreRow>()];
        return found.Length < 2 ? null : Build(Explanation, "Variant", results, [(null, found)]);
    }

    /// <summary>A table of rows in groups.</summary>
    public static DataTable Build(string caption, string head, ExperimentResults results, IReadOnlyList<(string? Name, ScoreRow[] Rows)> groups)
    {
        ScoreRow[] all = [.. groups.SelectMany(group => group.Rows)];
        Func<double?, CellRank>[] ranks =
        [
            .. Enumerable.Range(0, results.Tasks.Count).Select(task => Ranking(all.Select(row => row.Tasks[task]))),
            Ranking(all.Select(row => row.Average)),
        ];
        TableRow Row(ScoreRow row) => new(row.Name,
        [
            .. row.Tasks.Append(row.Average).Select((statistics, column) => Cell(statistics, ranks[column])),
            new TableCell(ReportNumber.Count(row.Cells.Count)),
        ]);
        return new DataTable(caption, [head, .. results.Tasks, "Average", "n"], [.. groups.Select(group => new TableGroup(group.Name, [.. group.Rows.Select(Row)]))]);
    }

    private static TableCell Cell(SampleStatistics? statistics, Func<double?, CellRank> rank) => statistics is not { } value
        ? new TableCell(ReportNumber.Missing)
        : new TableCell(ReportNumber.Score(value.Mean), value.Deviation is { } deviation ? $"± {ReportNumber.Score(deviation)}" : null, rank(value.Mean));

    // By the digits that are shown: what looks equal ranks equal. A single value is not the best of anything.
    private static Func<double?, CellRank> Ranking(IEnumerable<SampleStatistics?> column)
    {
        string[] shown = [.. column.OfType<SampleStatistics>().Select(value => value.Mean).OrderDescending().Select(ReportNumber.Score)];
        string[] distinct = [.. shown.Distinct()];
        return value => shown.Length < 2 || value is null ? CellRank.None
            : ReportNumber.Score(value.Value) == distinct[0] ? CellRank.Best
            : distinct.Length > 1 && ReportNumber.Score(value.Value) == distinct[1] ? CellRank.Second
            : CellRank.None;
    }
}
