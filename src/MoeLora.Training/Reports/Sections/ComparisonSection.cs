using MoeLora.Training.Methods;
using MoeLora.Training.Reports.Documents;
using MoeLora.Training.Reports.Results;
using MoeLora.Training.Reports.Statistics;

namespace MoeLora.Training.Reports.Sections;

/// <summary>What the numbers say in words, and each method's paired difference from MOELoRA (D).</summary>
internal static class ComparisonSection
{
    private const double Significance = 0.05;

    /// <summary>How far the experiment is, who is best, and what differs by more than chance.</summary>
    public static IEnumerable<ReportBlock> Summary(ExperimentResults results)
    {
        yield return new Heading("In short");
        int failed = results.Cells.Count(cell => cell.Status == CellStatus.Failed);
        yield return new Paragraph($"{Cells(results.Cells.Count - failed)} done over {results.Tasks.Count} tasks{(failed > 0 ? $"; {Cells(failed)} failed" : "")}.");
        (ScoreRow Row, bool IsDense)[] ranked =
        [
            .. from method in Method.All
               let row = ScoreRow.Of(results, method)
               where row?.Average is not null
               orderby row.Average!.Value.Mean descending
               select (row, method.Id == Method.MoeLoraDense.Id),
        ];
        if (ranked.Length == 0)
            yield break;
        int place = Array.FindIndex(ranked, method => method.IsDense);
        string best = $"Of {ranked.Length} methods and ablations, {ranked[0].Row.Name} has the highest average score, {Describe(ranked[0].Row)}";
        yield return new Paragraph(place switch
        {
            < 0 => $"{best}. MOELoRA (D) has none.",
            0 when ranked.Length > 1 => $"{best}, before {ranked[1].Row.Name} with {Describe(ranked[1].Row)}.",
            0 => $"{best}.",
            _ => $"{best}. MOELoRA (D) is {ReportNumber.Ordinal(place + 1)} with {Describe(ranked[place].Row)}.",
        });
        (string Name, PairedComparison Paired)[] comparisons = [.. Comparisons(results)];
        string[] above = [.. Significant(comparisons).Where(pair => pair.Paired.Difference.Mean > 0).Select(pair => pair.Name)];
        string[] below = [.. Significant(comparisons).Where(pair => pair.Paired.Difference.Mean < 0).Select(pair => pair.Name)];
        if (comparisons.Length > 0)
        {
            yield return new Paragraph($"By the paired comparison at p < 0.05, above MOELoRA (D): {List(above)}; below it: {List(below)}; "
                + $"{comparisons.Length - above.Length - below.Length} of {comparisons.Length} show no difference.");
        }
    }

    /// <summary>The table of differences; empty when there is nothing to pair.</summary>
    public static IEnumerable<ReportBlock> Differences(ExperimentResults results)
    {
        TableRow[] rows =
        [
            .. Comparisons(results).OrderByDescending(pair => pair.Paired.Difference.Mean).Select(pair => new TableRow(pair.Name,
            [
                new TableCell(ReportNumber.Difference(pair.Paired.Difference.Mean)),
                new TableCell(pair.Paired.Difference.StandardError is { } error ? ReportNumber.Score(error) : ReportNumber.Missing),
                new TableCell(pair.Paired.T?.ToString("0.00;−0.00", System.Globalization.CultureInfo.InvariantCulture) ?? ReportNumber.Missing),
                new TableCell(ReportNumber.Probability(pair.Paired.P)),
                new TableCell(ReportNumber.Count(pair.Paired.Difference.Count)),
            ])),
        ];
        if (rows.Length == 0)
            yield break;
        yield return new Heading("Differences from MOELoRA (D)");
        yield return new Paragraph("Each score is paired with that of MOELoRA (D) for the same seed and task. Above zero, the method is better. "
            + "The t statistic is the mean difference over its standard error, p its two-sided probability under Student's t with pairs − 1 degrees of freedom. "
            + "Tasks of one seed share a training, so pairs are not quite independent, and with many methods some differences look significant by chance: read p as a guide.");
        yield return new DataTable("Difference of scores over pairs of seed and task.", ["Method", "Difference", "Standard error", "t", "p", "Pairs"], [new TableGroup(null, rows)]);
    }

    private static IEnumerable<(string Name, PairedComparison Paired)> Comparisons(ExperimentResults results) =>
        from method in Method.All
        where method.Id != Method.MoeLoraDense.Id
        let paired = PairedComparison.Of(results, method.Id, Method.MoeLoraDense.Id)
        where paired is not null
        select (method.Name, paired);

    private static IEnumerable<(string Name, PairedComparison Paired)> Significant(IEnumerable<(string Name, PairedComparison Paired)> comparisons) =>
        comparisons.Where(pair => pair.Paired.P < Significance);

    private static string Describe(ScoreRow row) => $"{ReportNumber.Spread(row.Average!.Value)} (n = {row.Average.Value.Count})";

    private static string Cells(int count) => count == 1 ? "1 cell" : $"{count} cells";

    private static string List(string[] names) => names.Length == 0 ? "none" : string.Join(", ", names);
}
