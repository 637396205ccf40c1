using System.Runtime.Intrinsics;

namespace MoeLora.Engine.Sampling;

/// <summary>
/// Chooses tokens for any number of sequences, one row of logits at a time: constraint, penalties, temperature, top-k, top-p, min-p, then
/// one draw. The choice is a function of the logits, the sequence's state and the position, of nothing else. Used by one thread at a time;
/// its memory does not depend on the number of sequences.
/// </summary>
public sealed class Sampler
{
    private readonly int _vocabularySize;
    private readonly TokenDraw _draw;
    private readonly LogProbabilityReport _report;

    /// <summary>Creates a sampler for a model's vocabulary.</summary>
    public Sampler(int vocabularySize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vocabularySize);
        _vocabularySize = vocabularySize;
        _draw = new TokenDraw(vocabularySize);
        _report = new LogProbabilityReport(vocabularySize);
    }

    /// <summary>
    /// What <see cref="SamplingSettings.LogProbabilities"/> asked for at the last choice: first the chosen token, then the likeliest,
    /// largest first, the chosen one again if it is among them. They are those of the model's own distribution, before constraint,
    /// penalties and temperature. Empty when none were asked for or nothing was chosen; valid until the next choice.
    /// </summary>
    public ReadOnlySpan<TokenLogProbability> LogProbabilities => _report.Entries;

    /// <summary>Chooses a sequence's next token; the sequence is told by <see cref="SamplingState.Observe"/>, not here.</summary>
    /// <param name="state">The sequence's.</param>
    /// <param name="logits">One for each id of the vocabulary; overwritten.</param>
    /// <param name="position">Tokens generated before this one.</param>
    /// <returns>
    /// The token, one that the constraint allows; null when a logit is NaN or +∞, or all that are allowed are −∞: such logits say nothing
    /// about any token.
    /// </returns>
    public int? Choose(SamplingState state, Span<float> logits, int position)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(logits.Length, _vocabularySize);
        _report.Clear();
        float max = Max(logits);
        if (!float.IsFinite(max))
            return null;
        if (state.Settings.LogProbabilities is { } likeliest)
            _report.Begin(logits, max, likeliest);
        if (state.Apply(logits))
            max = Max(logits);
        if (!float.IsFinite(max))
            return null;

        int best = IndexOf(logits, max);
        int chosen = state.Settings.Temperature == 0
            ? best
            : _draw.Draw(state.Settings, logits, best, SeededDraws.Uniform(state.Settings.Seed, position));
        if (state.Settings.LogProbabilities is not null)
            _report.End(chosen);
        return chosen;
    }

    /// <summary>The largest; NaN when one is NaN.</summary>
    private static float Max(ReadOnlySpan<float> logits)
    {
        Vector256<float> maxima = Vector256.Create(float.NegativeInfinity);
        int at = 0;
        for (; at + Vector256<float>.Count <= logits.Length; at += Vector256<float>.Count)
            maxima = Vector256.Max(maxima, Vector256.Create(logits[at..])); // NaN if either is
        float max = float.NegativeInfinity;
        for (int i = 0; i < Vector256<float>.Count; i++)
            max = MathF.Max(max, maxima[i]);
        for (; at < logits.Length; at++)
            max = MathF.Max(max, logits[at]);
        return max;
    }

    private static int IndexOf(ReadOnlySpan<float> logits, float value)
    {
        int at = 0;
        while (at + Vector256<float>.Count <= logits.Length && !Vector256.EqualsAny(Vector256.Create(logits[at..]), Vector256.Create(value)))
            at += Vector256<float>.Count;
        while (logits[at] != value)
            at++;
        return at;
    }
}
