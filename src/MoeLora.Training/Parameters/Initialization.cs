using MoeLora.Training.Randomness;

namespace MoeLora.Training.Parameters;

/// <summary>How parameters begin. Values depend on the seed and the parameter's name only, not on the order in which parameters are made.</summary>
public static class Initialization
{
    /// <summary>Values ~ N(0, <paramref name="deviation"/>²).</summary>
    public static void Normal(Parameter parameter, double deviation, int seed)
    {
        Random random = RandomOf(parameter.Name, seed);
        // Box-Muller; 1 − u keeps the logarithm finite.
        Fill(parameter, () => deviation * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
    }

    /// <summary>Values ~ U(−<paramref name="bound"/>, <paramref name="bound"/>).</summary>
    public static void Uniform(Parameter parameter, double bound, int seed)
    {
        Random random = RandomOf(parameter.Name, seed);
        Fill(parameter, () => bound * (2 * random.NextDouble() - 1));
    }

    /// <summary>As the field initialises dense layers: U(−1/√in, 1/√in), in being the parameter's columns.</summary>
    public static void Dense(Parameter parameter, int seed) => Uniform(parameter, 1 / Math.Sqrt(parameter.Value.Columns), seed);

    private static void Fill(Parameter parameter, Func<double> next)
    {
        float[] values = new float[parameter.Count];
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)next();
        parameter.Set(values);
    }

    private static Random RandomOf(string name, int seed)
    {
        ulong hash = (uint)seed; // string.GetHashCode differs from process to process
        foreach (char c in name)
            hash = SeedMix.Of(hash, c);
        return SeedMix.Generator(hash, 0);
    }
}
