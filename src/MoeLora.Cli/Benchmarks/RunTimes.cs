namespace MoeLora.Cli.Benchmarks;

/// <summary>How long one run took.</summary>
/// <param name="Batch">Sequences decoded together.</param>
/// <param name="PrefillTokens">Tokens of all prompts.</param>
/// <param name="PrefillSeconds">For all prompts.</param>
/// <param name="StepSeconds">For each decode step, which makes one token of every sequence.</param>
internal sealed record RunTimes(int Batch, int PrefillTokens, double PrefillSeconds, IReadOnlyList<double> StepSeconds)
{
    public double PrefillTokensPerSecond => PrefillTokens / PrefillSeconds;

    /// <summary>By the median step, which a busy machine disturbs least.</summary>
    public double DecodeTokensPerSecond => Batch / Median(StepSeconds);

    /// <summary>By all steps together.</summary>
    public double MeanDecodeTokensPerSecond => Batch / StepSeconds.Average();

    /// <summary>As <see cref="Median(IEnumerable{double})"/>; null where a value is.</summary>
    public static double? Median(IEnumerable<double?> values)
    {
        double?[] all = [.. values];
        return Array.Exists(all, value => value is null) ? null : Median(all.Select(value => value!.Value));
    }

    /// <summary>The middle value, or the mean of the two middle ones.</summary>
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? throw new ArgumentException("No values.", nameof(values)) : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
