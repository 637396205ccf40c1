using MoeLora.Models.Configs;

namespace MoeLora.Models.Architectures;

/// <summary>
/// Radians per position of each rotated pair (arXiv 2104.09864): base^(−2j/d) for pair j of d elements, rounded as the
/// published models keep them.
/// </summary>
internal static class RotaryFrequencies
{
    private const double ChatGlmBase = 10_000;

    /// <summary>HeadDim / 2 frequencies, with Llama 3.1's stretching where the config asks for it.</summary>
    public static float[] Llama(LlamaConfig config)
    {
        double[] frequencies = Plain(config.RopeTheta, config.HeadDim);
        if (config.RopeScaling is { } scaling)
        {
            for (int j = 0; j < frequencies.Length; j++)
                frequencies[j] = Stretch(frequencies[j], scaling);
        }
        return Array.ConvertAll(frequencies, f => (float)f);
    }

    /// <summary>HeadDim / 4 frequencies, for each half of a head. The published model rounds them to half precision, whatever its weights are.</summary>
    public static float[] ChatGlm(ChatGlmConfig config) => Array.ConvertAll(Plain(ChatGlmBase, config.HeadDim / 2), f => (float)(Half)f);

    private static double[] Plain(double theta, int dimensions)
    {
        double[] frequencies = new double[dimensions / 2];
        for (int j = 0; j < frequencies.Length; j++)
            frequencies[j] = Math.Pow(theta, -2.0 * j / dimensions);
        return frequencies;
    }

    /// <summary>Keeps high frequencies, divides low ones, and blends those between; see <see cref="Llama3RopeScaling"/>.</summary>
    private static double Stretch(double frequency, Llama3RopeScaling scaling)
    {
        double turns = scaling.OriginalMaxPositions * frequency / (2 * Math.PI); // original length / wavelength
        if (turns > scaling.HighFrequencyFactor)
            return frequency;
        if (turns < scaling.LowFrequencyFactor)
            return frequency / scaling.Factor;
        double smooth = (turns - scaling.LowFrequencyFactor) / (scaling.HighFrequencyFactor - scaling.LowFrequencyFactor);
        return (1 - smooth) * frequency / scaling.Factor + smooth * frequency;
    }
}
