using MoeLora.Training.Reports.Results;
using MoeLora.Training.Reports.Statistics;

namespace MoeLora.Training.Tests.Reports;

public sealed class StatisticsTests
{
    [Fact]
    public void Statistics_OfValues_DivideByOneLess()
    {
        SampleStatistics statistics = SampleStatistics.Of([2, 4, null, 9])!.Value;

        Assert.Equal(3, statistics.Count);
        Assert.Equal(5, statistics.Mean, 12);
        Assert.Equal(Math.Sqrt(13), statistics.Deviation!.Value, 12); // (9 + 1 + 16) / 2
        Assert.Equal(Math.Sqrt(13.0 / 3), statistics.StandardError!.Value, 12);
    }

    [Fact]
    public void Statistics_OfOneValue_HaveNoDeviation()
    {
        SampleStatistics statistics = SampleStatistics.Of([0.5])!.Value;

        Assert.Equal(new SampleStatistics(1, 0.5, null), statistics);
        Assert.Null(statistics.StandardError);
    }

    [Fact]
    public void Statistics_OfNothing_AreNone() => Assert.Null(SampleStatistics.Of([null]));

    // Two-sided critical values from printed tables of the t distribution, which have four to five digits.
    [Theory]
    [InlineData(12.706, 1, 0.05)]
    [InlineData(4.303, 2, 0.05)]
    [InlineData(2.776, 4, 0.05)]
    [InlineData(2.571, 5, 0.05)]
    [InlineData(2.807, 23, 0.01)]
    [InlineData(3.182, 3, 0.05)]
    [InlineData(2.0687, 23, 0.05)]
    [InlineData(2.0639, 24, 0.05)]
    [InlineData(1.9840, 100, 0.05)]
    [InlineData(-3.3905, 100, 0.001)]
    [InlineData(0, 7, 1)]
    public void Probability_AtTabulatedValues_IsTheirLevel(double t, int degrees, double level) =>
        Assert.Equal(level, StudentT.TwoSidedProbability(t, degrees), level * 2e-3);

    [Fact]
    public void Comparison_OfCommonPairs_IsTheirMeanDifferenceOverItsError()
    {
        ExperimentResults results = MadeUpResults.Empty() with
        {
            Cells =
            [
                MadeUpResults.Cell("moelora-d", 1, 0.5, 0.6),
                MadeUpResults.Cell("moelora-d", 2, 0.5, 0.6),
                MadeUpResults.Cell("lora-full", 2, 0.4, 0.7),
                MadeUpResults.Cell("lora-full", 1, 0.2, 0.4),
                MadeUpResults.Cell("lora-full", 3, 0.9, 0.9),
                MadeUpResults.Cell("lora-full", 1, ExperimentVariant.Rank(4), ["one", "two"], 0.9, 0.9),
            ],
        };

        PairedComparison comparison = PairedComparison.Of(results, "lora-full", "moelora-d")!;

        // Differences −0.3, −0.2, −0.1, +0.1: mean −0.125, squared deviations 0.030625 + 0.005625 + 0.000625 + 0.050625 = 0.0875.
        double error = Math.Sqrt(0.0875 / 3 / 4);
        Assert.Equal(4, comparison.Difference.Count);
        Assert.Equal(-0.125, comparison.Difference.Mean, 12);
        Assert.Equal(error, comparison.Difference.StandardError!.Value, 12);
        Assert.Equal(-0.125 / error, comparison.T!.Value, 9);
        Assert.Equal(StudentT.TwoSidedProbability(-0.125 / error, 3), comparison.P!.Value, 12);
    }

    [Fact]
    public void Comparison_OfEqualDifferences_HasNoT()
    {
        ExperimentResults results = MadeUpResults.Empty() with
        {
            Cells = [MadeUpResults.Cell("moelora-d", 1, 0.7, 0.4), MadeUpResults.Cell("lora-full", 1, 0.6, 0.3)],
        };

        PairedComparison comparison = PairedComparison.Of(results, "lora-full", "moelora-d")!;

        Assert.Equal(-0.1, comparison.Difference.Mean, 12);
        Assert.Null(comparison.T);
        Assert.Null(comparison.P);
    }

    [Fact]
    public void Comparison_WithoutCommonSeeds_IsNone()
    {
        ExperimentResults results = MadeUpResults.Empty() with
        {
            Cells = [MadeUpResults.Cell("moelora-d", 1, 0.7, 0.4), MadeUpResults.Cell("lora-full", 2, 0.6, 0.3)],
        };

        Assert.Null(PairedComparison.Of(results, "lora-full", "moelora-d"));
    }
}
