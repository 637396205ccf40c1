namespace MoeLora.Training.Reports.Curves;

/// <summary>
/// An exponential moving average without the pull towards its start: the weight of a value falls by <c>1 − 2/(span + 1)</c> with each later one,
/// and the weights always add up to 1. Values that are not finite are left out.
/// </summary>
/// <param name="span">About how many values count, at least 1.</param>
public sealed class MovingAverage(double span)
{
    private readonly double _decay = span >= 1 ? 1 - (2 / (span + 1)) : throw new ArgumentOutOfRangeException(nameof(span), span, "A moving average is over at least one value.");
    private double _sum;
    private double _weight;

    /// <summary>The average of the values so far; null before the first.</summary>
    public double? Value => _weight > 0 ? _sum / _weight : null;

    /// <summary>Adds a value.</summary>
    /// <returns>The average with it; null when no value was finite yet.</returns>
    public double? Add(double value)
    {
        if (double.IsFinite(value))
        {
            _sum = (_decay * _sum) + value;
            _weight = (_decay * _weight) + 1;
        }

        return Value;
    }
}
