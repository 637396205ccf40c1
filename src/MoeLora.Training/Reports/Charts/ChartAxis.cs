namespace MoeLora.Training.Reports.Charts;

/// <summary>How values become positions.</summary>
public enum AxisScale
{
    /// <summary>Equal differences are equal lengths.</summary>
    Linear,

    /// <summary>Equal ratios are equal lengths; values that are not positive cannot be shown.</summary>
    Log,
}

/// <summary>One axis of a chart.</summary>
/// <param name="Title">What it shows, with the unit.</param>
/// <param name="Scale">Linear unless said otherwise.</param>
public sealed record ChartAxis(string Title, AxisScale Scale = AxisScale.Linear)
{
    /// <summary>The only values to mark, such as those of a sweep; null for round ones.</summary>
    public IReadOnlyList<double>? Ticks { get; init; }

    /// <summary>Values that the axis reaches at least, beside those of the points.</summary>
    public IReadOnlyList<double> Reaches { get; init; } = [];

    /// <summary>Whether the axis can show a value.</summary>
    internal bool CanShow(double value) => double.IsFinite(value) && (Scale == AxisScale.Linear || value > 0);
}
