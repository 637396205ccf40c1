using MoeLora.Engine.Constraints;

namespace MoeLora.Engine.Sampling;

/// <summary>
/// What choosing needs to know of one sequence: its settings, which tokens it holds if a penalty asks for them, and how far its constraint
/// has come. Its size follows the tokens, not the vocabulary. Used by one thread at a time; it survives a preemption as it is.
/// </summary>
public sealed class SamplingState
{
    private readonly Dictionary<int, int>? _counts; // of generated tokens; 0 for one that only the prompt holds
    private readonly IConstraintState? _constraint;
    private readonly int[] _endTokens;
    private readonly float[] _endLogits; // scratch

    /// <summary>Begins a sequence.</summary>
    /// <param name="settings">How to choose.</param>
    /// <param name="prompt">Its prompt, which the repetition penalty counts too. Ids of the vocabulary.</param>
    public SamplingState(SamplingSettings settings, ReadOnlySpan<int> prompt)
        : this(settings, prompt, null, [])
    {
    }

    /// <summary>Begins a sequence whose answer is constrained.</summary>
    /// <param name="settings">How to choose.</param>
    /// <param name="prompt">Its prompt, which the repetition penalty counts too. Ids of the vocabulary.</param>
    /// <param name="constraint">What the answer may be; null for anything.</param>
    /// <param name="endTokens">The tokens that end an answer: forbidden until the constraint lets it end.</param>
    public SamplingState(SamplingSettings settings, ReadOnlySpan<int> prompt, ITokenConstraint? constraint, ReadOnlySpan<int> endTokens)
    {
        Settings = settings;
        _constraint = constraint?.Start();
        _endTokens = constraint is null ? [] : [.. endTokens.ToArray().Where(token => token >= 0 && token < constraint.VocabularySize)];
        _endLogits = new float[_endTokens.Length];
        if (settings is { RepetitionPenalty: 1, PresencePenalty: 0, FrequencyPenalty: 0 })
            return;
        _counts = [];
        if (settings.RepetitionPenalty == 1)
            return;
        foreach (int token in prompt)
            _counts[token] = 0;
    }

    /// <summary>How to choose.</summary>
    public SamplingSettings Settings { get; }

    /// <summary>Whether the choice is just the largest logit and nothing else is asked for, which a device finds by itself.</summary>
    public bool IsPlainArgMax => _constraint is null && _counts is null && Settings is { Temperature: 0, LogProbabilities: null };

    /// <summary>Whether the constraint leaves nothing but the end: the answer is whole, and no further token is to be chosen.</summary>
    public bool IsComplete => _constraint is { MustEnd: true };

    /// <summary>Tells which token was generated, by a sampler or without one. An end token, after which nothing is chosen, need not be told.</summary>
    /// <exception cref="InvalidOperationException">The constraint does not allow the token.</exception>
    public void Observe(int token)
    {
        if (_counts is not null)
            _counts[token] = _counts.GetValueOrDefault(token) + 1;
        if (_constraint is not null && !_endTokens.AsSpan().Contains(token))
            _constraint.Advance(token);
    }

    /// <summary>Sets the logits of forbidden tokens to −∞, then applies the penalties.</summary>
    /// <returns>Whether any logit may have changed.</returns>
    internal bool Apply(Span<float> logits)
    {
        if (_constraint is not null)
            Mask(logits, _constraint);
        if (_counts is not null)
            Penalise(logits, _counts);
        return _constraint is not null || _counts is not null;
    }

    private void Mask(Span<float> logits, IConstraintState constraint)
    {
        for (int i = 0; i < _endTokens.Length; i++)
            _endLogits[i] = constraint.MayEnd ? logits[_endTokens[i]] : float.NegativeInfinity;

        ReadOnlySpan<ulong> allowed = constraint.Allowed;
        for (int start = 0; start < logits.Length; start += 64)
        {
            ulong word = allowed[start / 64];
            Span<float> block = logits[start..Math.Min(start + 64, logits.Length)];
            if (word == 0)
            {
                block.Fill(float.NegativeInfinity);
            }
            else if (word != ulong.MaxValue)
            {
                for (int i = 0; i < block.Length; i++)
                    block[i] = (word >> i & 1) != 0 ? block[i] : float.NegativeInfinity;
            }
        }

        for (int i = 0; i < _endTokens.Length; i++)
            logits[_endTokens[i]] = _endLogits[i];
    }

    private void Penalise(Span<float> logits, Dictionary<int, int> counts)
    {
        float repetition = (float)Settings.RepetitionPenalty;
        foreach ((int token, int count) in counts)
        {
            ref float logit = ref logits[token];
            logit = logit > 0 ? logit / repetition : logit * repetition;
            if (count > 0)
                logit -= (float)(count * Settings.FrequencyPenalty + Settings.PresencePenalty);
        }
    }
}
