namespace MoeLora.Engine.Sampling;

/// <summary>
/// Uniform numbers that depend on nothing but a seed and a position: the same request gives the same draws on every machine, alone or
/// in any batch, and a sequence that starts again in the middle needs no state. Of no use for secrets.
/// </summary>
/// <remarks>
/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014) as a counter: with
/// mix(z) its finaliser and γ = 0x9E3779B97F4A7C15, the number of position i is the upper 53 bits of mix(mix(seed) + (i + 1)·γ),
/// divided by 2^53. The inner mix sets neighbouring seeds apart.
/// </remarks>
internal static class SeededDraws
{
    private const ulong Gamma = 0x9E3779B97F4A7C15;

    /// <summary>The number of a position, in [0, 1).</summary>
    public static double Uniform(long seed, int position) =>
        (Mix(unchecked(Mix((ulong)seed) + ((ulong)position + 1) * Gamma)) >> 11) * (1.0 / (1UL << 53));

    /// <summary>The seed of a further answer: mix(mix(seed) − index·γ). Draws add multiples of γ, so that no answer repeats another's.</summary>
    public static long SeedOfAnswer(long seed, int index) => unchecked((long)Mix(Mix((ulong)seed) - (ulong)index * Gamma));

    private static ulong Mix(ulong z)
    {
        unchecked
        {
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }
}
