using MoeLora.Models.Architectures;
using MoeLora.Models.Configs;

namespace MoeLora.Models.Tests.Architectures;

public sealed class RotaryFrequenciesTests
{
    [Fact]
    public void Llama_WithoutScaling_PowersOfTheBase()
    {
        var config = (LlamaConfig)ModelShapes.Get("tinyllama-1.1b") with { HeadDim = 8 };

        // 10000^(−2j/8)
        Close([1f, 0.1f, 0.01f, 0.001f], RotaryFrequencies.Llama(config));
    }

    // Llama 3.1's published values: base 500000, factor 8, low 1, high 4, original length 8192, head size 128. By hand, with
    // f = 500000^(−2j/128) and t = 8192·f/2π turns over the original length:
    //   j = 0:  f = 1,             t = 1303.8   > 4: f
    //   j = 20: f = 0.01656044,    t = 21.59146 > 4: f
    //   j = 30: f = 0.002131120,   t = 2.778548, s = (t − 1)/3 = 0.5928493: (1 − s)·f/8 + s·f = 0.001371894
    //   j = 40: f = 0.0002742482,  t = 0.3575640 < 1: f/8 = 0.00003428102
    [Theory]
    [InlineData(0, 1.0)]
    [InlineData(20, 0.01656044)]
    [InlineData(30, 0.001371894)]
    [InlineData(40, 0.00003428102)]
    public void Llama_Llama3Scaling_AsPublished(int pair, double expected)
    {
        var config = (LlamaConfig)ModelShapes.Get("tinyllama-1.1b") with
        {
            HeadDim = 128,
            RopeTheta = 500_000,
            RopeScaling = new Llama3RopeScaling(Factor: 8, LowFrequencyFactor: 1, HighFrequencyFactor: 4, OriginalMaxPositions: 8192),
        };

        float[] frequencies = RotaryFrequencies.Llama(config);

        Assert.Equal(64, frequencies.Length);
        Assert.InRange(frequencies[pair] / expected, 1 - 1e-6, 1 + 1e-6);
    }

    [Fact]
    public void ChatGlm_Frequencies_AreHalfPrecisionAndSpanHalfAHead()
    {
        var config = (ChatGlmConfig)ModelShapes.Get("chatglm-6b-2layers") with { HeadDim = 16 };

        // The nearest half-precision numbers to 10000^(−2j/8).
        Assert.Equal([1f, 0.0999755859375f, 0.01000213623046875f, 0.0010004043579101562f], RotaryFrequencies.ChatGlm(config));
    }

    // A float32 has 24 bits: 1e-6 relative is many roundings.
    private static void Close(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.InRange(actual[i] / expected[i], 1 - 1e-6f, 1 + 1e-6f);
    }
}
