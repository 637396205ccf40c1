namespace MoeLora.Training.Synthesis;

/// <summary>
/// Random choices that are the same on every machine and in every version of .NET: SplitMix64
/// (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
/// </summary>
internal sealed class SynthesisDraws
{
    private const ulong Step = 0x9E3779B97F4A7C15;

    private ulong _state;

    /// <param name="seed">The user's seed.</param>
    /// <param name="stream">Which of the streams of this seed; they are independent of each other.</param>
    public SynthesisDraws(int seed, int stream) => _state = Mix(Mix((ulong)seed * Step) ^ (ulong)stream);

    /// <summary>A whole number from 0 to below <paramref name="count"/>.</summary>
    public int Below(int count) => (int)Math.BigMul(Next(), (ulong)count, out _);

    /// <summary>True with this probability.</summary>
    public bool Chance(double probability) => (Next() >> 11) * (1.0 / (1UL << 53)) < probability;

    /// <summary>One of the items.</summary>
    public T Pick<T>(IReadOnlyList<T> items) => items[Below(items.Count)];

    /// <summary>This many different items in random order; all of them when there are fewer.</summary>
    public List<T> Sample<T>(IEnumerable<T> items, int count)
    {
        List<T> pool = [.. items];
        var taken = new List<T>();
        while (taken.Count < count && pool.Count > 0)
        {
            int index = Below(pool.Count);
            taken.Add(pool[index]);
            pool[index] = pool[^1];
            pool.RemoveAt(pool.Count - 1);
        }

        return taken;
    }

    private ulong Next() => Mix(_state += Step);

    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
