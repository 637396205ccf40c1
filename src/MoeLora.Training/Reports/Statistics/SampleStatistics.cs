namespace MoeLora.Training.Reports.Statistics;

/// <summary>Mean and spread of a few measurements.</summary>
/// <param name="Count">How many there are, at least 1.</param>
/// <param name="Mean">Their mean.</param>
/// <param name="Deviation">The sample standard deviation, by n − 1; null for a single measurement.</param>
public readonly record struct SampleStatistics(int Count, double Mean, double? Deviation)
{
    /// <summary>The standard error of the mean; null for a single measurement.</summary>
    public double? StandardError => Deviation / Math.Sqrt(Count);

    /// <summary>Of those that were measured; null when none was.</summary>
    public static SampleStatistics? Of(IEnumerable<double?> measured)
    {
        double[] values = [.. measured.OfType<double>()];
        if (values.Length == 0)
            return null;
        double mean = values.Average();
        double? deviation = values.Length > 1 ? Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Length - 1)) : null;
        return new(values.Length, mean, deviation);
    }
}
