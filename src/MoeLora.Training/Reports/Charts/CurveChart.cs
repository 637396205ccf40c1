namespace MoeLora.Training.Reports.Charts;

/// <summary>How a series is drawn.</summary>
public enum SeriesStyle
{
    /// <summary>A line.</summary>
    Line,

    /// <summary>A thin, pale line, for raw values under their average.</summary>
    Faint,

    /// <summary>A line with a mark on each point, and bars where points have errors.</summary>
    Marked,
}

/// <summary>A point of a series.</summary>
/// <param name="X">Along the horizontal axis.</param>
/// <param name="Y">Along the vertical axis.</param>
/// <param name="Error">Length of the error bar to either side, such as a standard deviation; null for none.</param>
public readonly record struct ChartPoint(double X, double Y, double? Error = null);

/// <summary>Points that belong together, in the order in which the line goes through them.</summary>
/// <param name="Name">For the legend.</param>
/// <param name="Points">Those that an axis cannot show interrupt the line.</param>
/// <param name="Style">How they are drawn.</param>
public sealed record ChartSeries(string Name, IReadOnlyList<ChartPoint> Points, SeriesStyle Style = SeriesStyle.Line);

/// <summary>A line chart, drawn as SVG that reads in light and dark and by a screen reader.</summary>
public sealed record CurveChart
{
    /// <summary>What it shows, in few words; drawn above it.</summary>
    public required string Title { get; init; }

    /// <summary>What a reader who does not see the chart needs to know of it.</summary>
    public required string Description { get; init; }

    /// <summary>The horizontal axis.</summary>
    public required ChartAxis X { get; init; }

    /// <summary>The vertical axis.</summary>
    public required ChartAxis Y { get; init; }

    /// <summary>What is drawn, the first at the back.</summary>
    public required IReadOnlyList<ChartSeries> Series { get; init; }

    /// <summary>The chart as an SVG document of its own, with its style inside.</summary>
    public string ToSvg() => CurveDrawing.Draw(this, ChartStyle.Css);

    /// <summary>The chart as an element of a page that holds <see cref="ChartStyle.Css"/>.</summary>
    internal string ToElement() => CurveDrawing.Draw(this, null);
}
