namespace MoeLora.Training.Randomness;

/// <summary>
/// Seeds made from seeds: unrelated numbers for neighbouring inputs, the same on every machine. The mixing is SplitMix64's
/// (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
/// </summary>
internal static class SeedMix
{
    private const ulong Step = 0x9E3779B97F4A7C15;

    /// <summary>The seed numbered <paramref name="number"/> of those that <paramref name="seed"/> stands for; all numbers of a seed give different ones.</summary>
    public static ulong Of(ulong seed, ulong number) => unchecked(Mix(Mix(seed + Step) ^ number));

    /// <summary>A generator seeded with <see cref="Of"/>.</summary>
    public static Random Generator(ulong seed, ulong number) => new(unchecked((int)Of(seed, number)));

    private static ulong Mix(ulong value)
    {
        unchecked
        {
            value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
            value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
            return value ^ (value >> 31);
        }
    }
}
