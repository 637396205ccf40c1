namespace MoeLora.Models.Configs;

/// <summary>The Llama family: Llama, Mistral and Qwen2, which differ only in biases, tying and defaults.</summary>
public sealed record LlamaConfig : ModelConfig
{
    /// <summary>Base of the rotary angles: pair j of a head turns by position · RopeTheta^(−2j / HeadDim).</summary>
    public required double RopeTheta { get; init; }

    /// <summary>How the rotary frequencies are stretched; null when they are not.</summary>
    public Llama3RopeScaling? RopeScaling { get; init; }

    /// <summary>True when q_proj, k_proj and v_proj have biases (Qwen2, or <c>attention_bias</c>).</summary>
    public required bool QueryKeyValueBias { get; init; }

    /// <summary>True when o_proj has a bias (<c>attention_bias</c> of Llama).</summary>
    public required bool OutputBias { get; init; }

    /// <summary>True when gate_proj, up_proj and down_proj have biases.</summary>
    public required bool MlpBias { get; init; }

    /// <summary>True when the output layer is the embedding table.</summary>
    public required bool TieWordEmbeddings { get; init; }
}

/// <summary>
/// The frequency scaling of Llama 3.1: with wavelength λ = 2π / f, frequencies with λ &lt; original / high stay, those with λ &gt; original / low
/// are divided by <paramref name="Factor"/>, and those between are blended with s = (original / λ − low) / (high − low) as
/// (1 − s) · f / Factor + s · f.
/// </summary>
/// <param name="Factor">Divisor of the low frequencies.</param>
/// <param name="LowFrequencyFactor"><c>low_freq_factor</c>.</param>
/// <param name="HighFrequencyFactor"><c>high_freq_factor</c>, larger than the low one.</param>
/// <param name="OriginalMaxPositions"><c>original_max_position_embeddings</c>.</param>
public sealed record Llama3RopeScaling(double Factor, double LowFrequencyFactor, double HighFrequencyFactor, int OriginalMaxPositions);
