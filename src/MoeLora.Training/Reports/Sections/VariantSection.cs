using System.Globalization;
using MoeLora.Training.Methods;
using MoeLora.Training.Reports.Charts;
using MoeLora.Training.Reports.Documents;
using MoeLora.Training.Reports.Results;

namespace MoeLora.Training.Reports.Sections;

/// <summary>One setting changed and all others kept: the sweeps over the number of experts and the rank, and the comparison of samplers.</summary>
internal static class VariantSection
{
    /// <summary>The section; empty when no cell has such a variant.</summary>
    public static IEnumerable<ReportBlock> Build(ExperimentResults results, VariantKind kind)
    {
        (Method Method, ScoreRow[] Rows)[] swept =
        [
            .. from method in Method.All
               let values = Values(results, method, kind)
               where values.Length > 0
               select (method, values.Select(variant => ScoreRow.Of(results, method, variant, variant.Value)).ToArray()),
        ];
        if (swept.Length == 0)
            yield break;
        (string title, string head) = kind switch
        {
            VariantKind.Experts => ("Number of experts N", "N"),
            VariantKind.Rank => ("Rank r", "r"),
            _ => ("Samplers", "Sampler"),
        };
        yield return new Heading(title);
        if (kind == VariantKind.Sampler)
            yield return new Paragraph("How the samples of a batch are drawn from the tasks; everything else is the same.");
        else
            yield return Chart(results, kind, title, swept);
        (string?, ScoreRow[])[] groups = [.. swept.Select(method => ((string?)method.Method.Name, method.Rows))];
        yield return ScoreTable.Build("Mean score ± sample standard deviation over n seeds. Best bold, second underlined, by mean.", head, results, groups);
    }

    // Also the experiment's own value, when the method was run with it.
    private static ExperimentVariant[] Values(ExperimentResults results, Method method, VariantKind kind)
    {
        ExperimentCell[] cells = [.. results.Cells.Where(cell => cell.Method == method.Id)];
        HashSet<ExperimentVariant> values = [.. cells.Select(cell => cell.Variant).Where(variant => variant.Kind == kind)];
        if (values.Count > 0 && cells.Any(cell => cell.Variant == ExperimentVariant.Main))
        {
            values.Add(kind switch
            {
                VariantKind.Experts => ExperimentVariant.Experts(results.Experts),
                VariantKind.Rank => ExperimentVariant.Rank(results.Rank),
                _ => ExperimentVariant.Sampler(results.Sampler),
            });
        }

        return [.. kind == VariantKind.Sampler ? values.OrderBy(variant => variant.Value, StringComparer.Ordinal) : values.OrderBy(Number)];
    }

    private static double Number(ExperimentVariant variant) => double.Parse(variant.Value, CultureInfo.InvariantCulture);

    private static Figure Chart(ExperimentResults results, VariantKind kind, string title, (Method Method, ScoreRow[] Rows)[] swept)
    {
        ChartSeries[] series = [.. swept.Select(method => new ChartSeries(method.Method.Name, [.. method.Rows.Select(Point).OfType<ChartPoint>()], SeriesStyle.Marked))];
        string name = kind == VariantKind.Experts ? "experts" : "rank";
        var chart = new CurveChart
        {
            Title = $"Average score by {(kind == VariantKind.Experts ? "number of experts" : "rank")}",
            Description = string.Join(' ', series.Select(one => $"{one.Name}: {string.Join(", ", one.Points.Select(point => $"{AxisRange.Label(point.X)} gives {ReportNumber.Score(point.Y)}"))}.")),
            X = new ChartAxis(title, AxisScale.Log) { Ticks = [.. swept.SelectMany(method => method.Rows).Select(row => double.Parse(row.Name, CultureInfo.InvariantCulture)).Distinct()] },
            Y = new ChartAxis("Average score"),
            Series = series,
        };
        string own = ScoreRow.OwnValue(results, kind);
        return new Figure($"sweep-{name}", $"Mean over the seeds; bars are one sample standard deviation to either side. The experiment's own value is {own}.", chart.ToSvg(), chart.ToElement());
    }

    private static ChartPoint? Point(ScoreRow row) =>
        row.Average is { } average ? new ChartPoint(double.Parse(row.Name, CultureInfo.InvariantCulture), average.Mean, average.Deviation) : null;
}
