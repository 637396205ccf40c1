using MoeLora.Training.Reports.Charts;
using MoeLora.Training.Reports.Documents;

namespace MoeLora.Training.Reports.Curves;

/// <summary>The curves of one training run.</summary>
public static class TrainingCurves
{
    /// <summary>
    /// Writes <c>curves.html</c>, which needs nothing beside it, and each curve as <c>curves/NAME.svg</c>: loss, validation loss, learning rate, gradient
    /// norm and tokens a second, those of them that the run measured.
    /// </summary>
    /// <param name="metrics">All events of the run, from <see cref="MetricsFile.Read"/>.</param>
    /// <param name="title">What the page is headed with.</param>
    /// <param name="directory">Created if needed.</param>
    public static void Write(IReadOnlyList<MetricEvent> metrics, string title, string directory)
    {
        (string Name, CurveChart Chart)[] curves = [.. Curves(metrics)];
        Directory.CreateDirectory(Path.Combine(directory, "curves"));
        foreach ((string name, CurveChart chart) in curves)
            File.WriteAllText(Path.Combine(directory, "curves", $"{name}.svg"), chart.ToSvg());
        ReportBlock[] blocks = [Summary(metrics), .. curves.Select(curve => new Figure(curve.Name, curve.Chart.Description, curve.Chart.ToSvg(), curve.Chart.ToElement()))];
        File.WriteAllText(Path.Combine(directory, "curves.html"), HtmlPage.Render(title, blocks));
    }

    private static IEnumerable<(string Name, CurveChart Chart)> Curves(IReadOnlyList<MetricEvent> metrics)
    {
        (string, string, string, MetricKind, Func<MetricEvent, double?>)[] all =
        [
            ("loss", "Training loss", "Loss, nats per token", MetricKind.Train, metric => metric.Loss),
            ("validation-loss", "Validation loss", "Loss, nats per token", MetricKind.Validation, metric => metric.Loss),
            ("learning-rate", "Learning rate", "Learning rate", MetricKind.Train, metric => metric.LearningRate),
            ("gradient-norm", "Gradient norm before clipping", "Norm", MetricKind.Train, metric => metric.GradientNorm),
            ("tokens-per-second", "Speed", "Tokens per second", MetricKind.Train, metric => metric.TokensPerSecond),
        ];
        foreach ((string name, string title, string unit, MetricKind kind, Func<MetricEvent, double?> measured) in all)
        {
            ChartPoint[] points = [.. from metric in metrics where metric.Event == kind let value = measured(metric) where value is not null select new ChartPoint(metric.Step, value.Value)];
            if (points.Length > 0)
                yield return (name, Chart(name, title, new ChartAxis("Step") { Reaches = [0, metrics[^1].Step] }, unit, points));
        }
    }

    private static CurveChart Chart(string name, string title, ChartAxis steps, string unit, ChartPoint[] points)
    {
        ChartPoint[] finite = [.. points.Where(point => double.IsFinite(point.Y))];
        string range = finite.Length == 0 ? "No value is finite." : $"From {Number(finite[0])} to {Number(finite[^1])}; lowest {Number(finite.MinBy(point => point.Y))}, highest {Number(finite.MaxBy(point => point.Y))}.";
        return new CurveChart
        {
            Title = title,
            Description = range,
            X = steps,
            Y = new ChartAxis(unit, IsWide(points) && name == "gradient-norm" ? AxisScale.Log : AxisScale.Linear),
            Series = name switch
            {
                "validation-loss" => [new ChartSeries("validation set", points, SeriesStyle.Marked)],
                "learning-rate" => [new ChartSeries("of each step", points)],
                _ => Smoothed(points),
            },
        };
    }

    private static ChartSeries[] Smoothed(ChartPoint[] points)
    {
        int span = Math.Clamp(points.Length / 100, 1, 100);
        if (span < 3)
            return [new ChartSeries("of each step", points)];
        var average = new MovingAverage(span);
        ChartPoint[] smooth = [.. points.Select(point => point with { Y = average.Add(point.Y) ?? double.NaN })];
        return [new ChartSeries("of each step", points, SeriesStyle.Faint), new ChartSeries($"moving average, about {span} steps", smooth)];
    }

    private static bool IsWide(ChartPoint[] points)
    {
        double[] positive = [.. points.Select(point => point.Y).Where(value => double.IsFinite(value) && value > 0)];
        return positive.Length > 0 && positive.Max() > 100 * positive.Min();
    }

    private static string Number(ChartPoint point) => $"{ReportNumber.Quantity(point.Y)} at step {ReportNumber.Count(point.X)}";

    private static Paragraph Summary(IReadOnlyList<MetricEvent> metrics)
    {
        MetricEvent[] steps = [.. metrics.Where(metric => metric.Event == MetricKind.Train)];
        if (steps.Length == 0)
            return new Paragraph("No step was taken yet.");
        MetricEvent? end = metrics.LastOrDefault(metric => metric.Event == MetricKind.End);
        string state = end is null ? "not ended" : end.Detail is null ? "ended" : $"ended: {end.Detail}";
        long tokens = steps.Sum(step => step.Tokens ?? 0);
        double? seconds = metrics.Max(metric => metric.ElapsedSeconds);
        return new Paragraph($"{ReportNumber.Count(steps[^1].Step)} steps, {ReportNumber.Count(tokens)} tokens, {ReportNumber.Quantity(seconds)} s; {state}.");
    }
}
