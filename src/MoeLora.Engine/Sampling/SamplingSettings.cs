namespace MoeLora.Engine.Sampling;

/// <summary>How the next token is chosen from the logits.</summary>
public sealed record SamplingSettings
{
    /// <summary>The largest <see cref="LogProbabilities"/>, as OpenAI's interface has it.</summary>
    public const int MostLogProbabilities = 20;

    private const double LargestPenalty = 2;

    private readonly double _temperature;
    private readonly double _topP = 1;
    private readonly double _minP;
    private readonly int _topK;
    private readonly double _repetitionPenalty = 1;
    private readonly double _presencePenalty;
    private readonly double _frequencyPenalty;
    private readonly int? _logProbabilities;

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
    /// Draws from tokens at least this many times as likely as the likeliest, after temperature (arXiv 2407.01082). In [0, 1]; 0 is off.
    /// </summary>
    public double MinP
    {
        get => _minP;
        init => _minP = value is >= 0 and <= 1 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "Min-p is from 0 to 1.");
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

    /// <summary>Subtracted once from the logit of every token that the answer, not the prompt, already holds. From −2 to 2; 0 is off.</summary>
    public double PresencePenalty
    {
        get => _presencePenalty;
        init => _presencePenalty = value is >= -LargestPenalty and <= LargestPenalty ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "A presence penalty is from -2 to 2.");
    }

    /// <summary>Subtracted from the logit of a token as often as the answer, not the prompt, already holds it. From −2 to 2; 0 is off.</summary>
    public double FrequencyPenalty
    {
        get => _frequencyPenalty;
        init => _frequencyPenalty = value is >= -LargestPenalty and <= LargestPenalty ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "A frequency penalty is from -2 to 2.");
    }

    /// <summary>
    /// How many of the likeliest tokens are reported with their log probabilities, besides the chosen one. From 0 to
    /// <see cref="MostLogProbabilities"/>; null reports none, not even the chosen one's.
    /// </summary>
    public int? LogProbabilities
    {
        get => _logProbabilities;
        init => _logProbabilities = value is null or (>= 0 and <= MostLogProbabilities) ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "Log probabilities of 0 to 20 tokens can be had.");
    }

    /// <summary>Makes the draws repeatable.</summary>
    public long Seed { get; init; }

    /// <summary>The settings of one of several answers to the same prompt: answer 0 has this seed, each other a seed that follows from it.</summary>
    /// <param name="index">The answer, from 0.</param>
    public SamplingSettings ForAnswer(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        return index == 0 ? this : this with { Seed = SeededDraws.SeedOfAnswer(Seed, index) };
    }
}
