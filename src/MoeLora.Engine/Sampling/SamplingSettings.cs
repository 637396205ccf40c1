namespace MoeLora.Engine.Sampling;

/// <summary>How the next token is chosen from the logits.</summary>
public sealed record SamplingSettings
{
    private readonly double _temperature;
    private readonly double _topP = 1;
    private readonly int _topK;
    private readonly double _repetitionPenalty = 1;

    /// <summary>The likeliest token, each time.</summary>
    public static SamplingSettings Greedy { get; } = new();

    /// <summary>0 takes the likeliest token; above, logits are divided by it before the draw. Finite, 0 or more.</summary>
    public double Temperature
    {
        get => _temperature;
        init => _temperature = value >= 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "A temperature is 0 or more.");
    }

    /// <summary>Draws from the smallest set of likeliest tokens whose probabilities reach this (arXiv 1904.09751). In (0, 1]; 1 is off.</summary>
    public double TopP
    {
        get => _topP;
        init => _topP = value is > 0 and <= 1 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "Top-p is above 0 and at most 1.");
    }

    /// <summary>Draws from this many likeliest tokens, applied before <see cref="TopP"/>; of equals the lowest id stays. 0 is off.</summary>
    public int TopK
    {
        get => _topK;
        init => _topK = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "Top-k is 0 or more.");
    }

    /// <summary>
    /// For every token that prompt or answer already holds, however often: a positive logit is divided by it, any other multiplied
    /// (arXiv 1909.05858, section 4.1, with the sign rule that made it work for negative logits). Above 0; 1 is off.
    /// </summary>
    public double RepetitionPenalty
    {
        get => _repetitionPenalty;
        init => _repetitionPenalty = value > 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "A repetition penalty is above 0.");
    }

    /// <summary>Makes the draws repeatable.</summary>
    public long Seed { get; init; }
}
