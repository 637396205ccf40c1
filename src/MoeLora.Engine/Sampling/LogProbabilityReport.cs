using System.Runtime.Intrinsics;

namespace MoeLora.Engine.Sampling;

/// <summary>
/// Log probabilities of the chosen token and the likeliest: log p_i = l_i − log Σ e^{l_j}, of the logits as the model gave them. Computed in
/// double precision, so that the only rounding worth speaking of is the model's own. Its memory is allocated at the first use.
/// </summary>
internal sealed class LogProbabilityReport(int vocabularySize)
{
    private readonly TokenLogProbability[] _entries = new TokenLogProbability[1 + SamplingSettings.MostLogProbabilities];
    private readonly ulong[] _ranked = new ulong[SamplingSettings.MostLogProbabilities];
    private readonly LargestTokens _largest = new();
    private float[]? _logits;
    private double _logTotal;
    private int _likeliest;

    /// <summary>The chosen token, then the likeliest, largest first; empty before there is a choice.</summary>
    public ReadOnlySpan<TokenLogProbability> Entries => _entries.AsSpan(0, Count);

    private int Count { get; set; }

    /// <summary>Forgets the choice before.</summary>
    public void Clear() => Count = 0;

    /// <summary>Takes the model's logits.</summary>
    /// <param name="logits">None of them NaN or +∞.</param>
    /// <param name="max">The largest of them, finite.</param>
    /// <param name="likeliest">How many of the likeliest to report.</param>
    public void Begin(ReadOnlySpan<float> logits, float max, int likeliest)
    {
        _logits ??= new float[vocabularySize];
        logits.CopyTo(_logits);
        _logTotal = max + Math.Log(Total(logits, max));
        _likeliest = Math.Min(likeliest, vocabularySize);
        if (_likeliest > 0)
            _largest.Rank(logits, _ranked.AsSpan(0, _likeliest));
    }

    /// <summary>Takes the choice.</summary>
    public void End(int chosen)
    {
        _entries[0] = new TokenLogProbability(chosen, _logits![chosen] - _logTotal);
        for (int i = 0; i < _likeliest; i++)
            _entries[1 + i] = new TokenLogProbability(TokenRank.Token(_ranked[i]), TokenRank.Value(_ranked[i]) - _logTotal);
        Count = 1 + _likeliest;
    }

    private static double Total(ReadOnlySpan<float> logits, float max)
    {
        Vector256<double> shift = Vector256.Create((double)max);
        Vector256<double> sums = Vector256<double>.Zero;
        int at = 0;
        for (; at + Vector256<float>.Count <= logits.Length; at += Vector256<float>.Count)
        {
            (Vector256<double> lower, Vector256<double> upper) = Vector256.Widen(Vector256.Create(logits[at..]));
            sums += Vector256.Exp(lower - shift) + Vector256.Exp(upper - shift);
        }

        double total = Vector256.Sum(sums);
        for (; at < logits.Length; at++)
            total += Math.Exp((double)logits[at] - max);
        return total;
    }
}
