using MoeLora.Training.Reports.Results;

namespace MoeLora.Training.Reports.Statistics;

/// <summary>How a method differs from another over the pairs of seed and task that both have.</summary>
/// <param name="Difference">Mean and spread of the method's score less the other's.</param>
/// <param name="T">The difference over its standard error; null for a single pair, or where all differences are the same.</param>
/// <param name="P">The two-sided probability of such a t without a true difference, if pairs were independent; null without t.</param>
public sealed record PairedComparison(SampleStatistics Difference, double? T, double? P)
{
    /// <summary>Compares the cells of two methods under the experiment's own settings; null without a common pair.</summary>
    public static PairedComparison? Of(ExperimentResults results, string method, string other)
    {
        IEnumerable<double?> differences =
            from cell in results.Cells
            where cell.Method == method && cell.Variant == ExperimentVariant.Main
            let counterpart = results.Find(cell.Key with { Method = other })
            where counterpart is not null
            from task in results.Tasks
            select cell.Score(task) - counterpart.Score(task);
        if (SampleStatistics.Of(differences) is not { } difference)
            return null;
        // Scores are from 0 to 1: an error this small is rounding, and the differences are the same.
        double? t = difference.StandardError > 1e-12 ? difference.Mean / difference.StandardError : null;
        return new(difference, t, t is { } value ? StudentT.TwoSidedProbability(value, difference.Count - 1) : null);
    }
}
