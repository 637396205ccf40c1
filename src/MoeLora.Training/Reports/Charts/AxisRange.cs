using System.Globalization;

namespace MoeLora.Training.Reports.Charts;

/// <summary>The part of an axis that a chart shows: its ends and its marks.</summary>
internal sealed class AxisRange
{
    private const int MostMarks = 7;

    // Marks given by the caller are values of points; those at the ends keep clear of the frame by this share.
    private const double Inset = 0.06;

    private readonly bool _isLog;
    private readonly double _low;
    private readonly double _high;
    private readonly double _inset;

    private AxisRange(bool isLog, double low, double high, IReadOnlyList<double> ticks, double inset = 0)
    {
        (_isLog, _low, _high, _inset, Ticks) = (isLog, low, high, inset, ticks);
    }

    /// <summary>The values to mark, ascending.</summary>
    public IReadOnlyList<double> Ticks { get; }

    /// <summary>The range that holds all values.</summary>
    /// <param name="axis">Whose.</param>
    /// <param name="values">Only such as the axis can show; may be empty.</param>
    /// <param name="isTight">Whether a linear range ends at the outermost values, otherwise at the next marks.</param>
    public static AxisRange Of(ChartAxis axis, IReadOnlyList<double> values, bool isTight)
    {
        bool isLog = axis.Scale == AxisScale.Log;
        if (axis.Ticks?.Where(axis.CanShow).Order().ToArray() is { Length: > 0 } ticks)
        {
            double[] all = [.. ticks, .. values];
            return all.Min() < all.Max() ? new(isLog, all.Min(), all.Max(), ticks, Inset) : Around(isLog, all[0], ticks);
        }

        if (values.Count == 0)
            return isLog ? new(true, 1, 10, [1, 10]) : new(false, 0, 1, [0, 1]);
        return isLog ? OfRatios(values.Min(), values.Max()) : OfDifferences(values.Min(), values.Max(), isTight);
    }

    /// <summary>Where a value lies, from 0 at the low end to 1 at the high one; what lies outside is moved to the end.</summary>
    public double Position(double value)
    {
        double share = _isLog
            ? value <= 0 ? 0 : Math.Log(value / _low) / Math.Log(_high / _low)
            : (value - _low) / (_high - _low);
        return _inset + ((1 - (2 * _inset)) * Math.Clamp(share, 0, 1));
    }

    /// <summary>The text of one of the marks; all have the same decimals, unless they are so small or far apart that each needs its own.</summary>
    public string LabelOf(double tick)
    {
        string[] labels = [.. Ticks.Select(Label)];
        if (_isLog || labels.Any(label => label.Contains('e') || label.Contains(',')))
            return Label(tick);
        int decimals = labels.Max(label => label.Contains('.') ? label.Length - label.IndexOf('.') - 1 : 0);
        return tick.ToString($"F{decimals}", CultureInfo.InvariantCulture).Replace('-', '−');
    }

    /// <summary>A value in as many digits as it needs.</summary>
    public static string Label(double value)
    {
        double size = Math.Abs(value);
        string format = size == 0 ? "0" : size < 1e-3 || size >= 1e7 ? "0.###e0" : size >= 1000 ? "#,##0.##" : "0.######";
        return value.ToString(format, CultureInfo.InvariantCulture).Replace('-', '−');
    }

    private static AxisRange Around(bool isLog, double value, IReadOnlyList<double> ticks)
    {
        double room = value == 0 ? 1 : Math.Abs(value) / 2;
        return new(isLog, value - room, value + room, ticks);
    }

    private static AxisRange OfDifferences(double low, double high, bool isTight)
    {
        if (low == high)
        {
            double room = low == 0 ? 1 : Math.Abs(low) / 10;
            (low, high) = (low - room, high + room);
        }

        double step = NiceStep((high - low) / MostMarks);
        if (!isTight)
            (low, high) = (Math.Floor(low / step) * step, Math.Ceiling(high / step) * step);

        // Multiples of the step, from integers, so that no rounding error grows along the axis.
        double slack = 1e-9;
        long first = (long)Math.Ceiling((low / step) - slack), last = (long)Math.Floor((high / step) + slack);
        int digits = Math.Clamp((int)Math.Ceiling(-Math.Log10(step)), 0, 15);
        return new(false, low, high, [.. Enumerable.Range(0, (int)(last - first + 1)).Select(i => Math.Round((first + i) * step, digits))]);
    }

    // The next of 1, 2 and 5 times a power of ten.
    private static double NiceStep(double least)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(least)));
        double factor = least / power;
        return power * (factor <= 1 ? 1 : factor <= 2 ? 2 : factor <= 5 ? 5 : 10);
    }

    private static AxisRange OfRatios(double low, double high)
    {
        int first = (int)Math.Floor(Math.Log10(low)), last = (int)Math.Ceiling(Math.Log10(high));
        int decades = Math.Max(last - first, 1);
        if (decades > 2)
        {
            int each = (decades + MostMarks - 1) / MostMarks;
            return new(true, Math.Pow(10, first), Math.Pow(10, last), [.. Enumerable.Range(0, (decades / each) + 1).Select(i => Math.Pow(10, first + (i * each)))]);
        }

        double[] candidates = [.. Enumerable.Range(first - 1, decades + 3).SelectMany(power => new[] { 1, 2, 5 }.Select(factor => double.Parse($"{factor}e{power}", CultureInfo.InvariantCulture)))];
        double from = candidates.Last(candidate => candidate <= low), to = candidates.First(candidate => candidate >= high && candidate > from);
        return new(true, from, to, [.. candidates.Where(candidate => candidate >= from && candidate <= to)]);
    }
}
