using System.Runtime.Intrinsics;

namespace MoeLora.Engine.Sampling;

/// <summary>
/// Chooses the tokens of one sequence after the other: repetition penalty, temperature, top-k, top-p, then one draw. The choice is a
/// function of the logits, the settings, the tokens so far and the position, of nothing else. Its memory is allocated once.
/// </summary>
public sealed class Sampler
{
    private readonly int _vocabularySize;
    private readonly float[] _weights; // e^((logit − max) / temperature), padded with zeros to whole vectors
    private readonly ulong[] _ranked;
    private readonly PriorityQueue<ulong, ulong> _likeliest = new();
    private readonly TokenPenalty _penalty;
    private SamplingSettings _settings = SamplingSettings.Greedy;

    /// <summary>Creates a sampler for a model's vocabulary.</summary>
    public Sampler(int vocabularySize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vocabularySize);
        _vocabularySize = vocabularySize;
        _weights = new float[(vocabularySize + Vector256<float>.Count - 1) / Vector256<float>.Count * Vector256<float>.Count];
        _ranked = new ulong[vocabularySize];
        _penalty = new TokenPenalty(vocabularySize);
    }

    /// <summary>Whether the choice is just the largest logit, which a device finds by itself.</summary>
    public bool IsPlainArgMax => _settings is { Temperature: 0, RepetitionPenalty: 1 };

    /// <summary>Begins a sequence.</summary>
    /// <param name="settings">How to choose.</param>
    /// <param name="prompt">Its prompt, which the repetition penalty counts too. Ids of the vocabulary.</param>
    public void Start(SamplingSettings settings, ReadOnlySpan<int> prompt)
    {
        _settings = settings;
        _penalty.Clear();
        foreach (int token in prompt)
            _penalty.Observe(token);
    }

    /// <summary>Tells which token was chosen, by this sampler or without it.</summary>
    public void Observe(int token) => _penalty.Observe(token);

    /// <summary>Chooses the next token.</summary>
    /// <param name="logits">One for each id of the vocabulary; overwritten.</param>
    /// <param name="position">Tokens generated before this one.</param>
    /// <returns>The token; null when a logit is NaN or +∞, or all are −∞: such logits say nothing about any token.</returns>
    public int? Choose(Span<float> logits, int position)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(logits.Length, _vocabularySize);
        if (_settings.RepetitionPenalty != 1)
            _penalty.Apply(logits, (float)_settings.RepetitionPenalty);
        if (ArgMax(logits) is not { } best)
            return null;
        if (_settings.Temperature == 0)
            return best;

        double total = Weigh(logits, logits[best]);
        double uniform = SeededDraws.Uniform(_settings.Seed, position);
        if (_settings.TopK > 0 && _settings.TopK < _vocabularySize)
            return Draw(RankTopK(), uniform);
        return _settings.TopP < 1 ? Draw(RankNucleus(total), uniform) : DrawAny(total * uniform, best);
    }

    private static int? ArgMax(ReadOnlySpan<float> logits)
    {
        int best = 0;
        for (int i = 0; i < logits.Length; i++)
        {
            if (float.IsNaN(logits[i]))
                return null;
            if (logits[i] > logits[best])
                best = i;
        }

        return float.IsFinite(logits[best]) ? best : null;
    }

    /// <summary>Fills the weights and returns their sum.</summary>
    private double Weigh(ReadOnlySpan<float> logits, float max)
    {
        // A tiny temperature must not become 1/0: 0 · ∞ would make the best token's weight NaN.
        float scale = (float)Math.Min(1 / _settings.Temperature, float.MaxValue);
        logits.CopyTo(_weights);
        _weights.AsSpan(logits.Length).Fill(float.NegativeInfinity);
        double total = 0;
        for (int i = 0; i < _weights.Length; i += Vector256<float>.Count)
        {
            Vector256<float> weights = Vector256.Exp((Vector256.LoadUnsafe(ref _weights[i]) - Vector256.Create(max)) * scale);
            weights.StoreUnsafe(ref _weights[i]);
            total += Vector256.Sum(weights);
        }

        return total;
    }

    /// <summary>The k tokens of the largest weights, largest first, or those of them that top-p keeps.</summary>
    private Span<ulong> RankTopK()
    {
        // A queue gives up its smallest priority first, so the unlikeliest of the k is at its head. Ids only grow: a later equal stays out.
        _likeliest.Clear();
        float least = -1;
        for (int token = 0; token < _vocabularySize; token++)
        {
            if (_weights[token] <= least)
                continue;
            ulong rank = Rank(token);
            if (_likeliest.Count < _settings.TopK)
                _likeliest.Enqueue(rank, ~rank);
            else
                _likeliest.EnqueueDequeue(rank, ~rank);
            if (_likeliest.Count == _settings.TopK)
                least = WeightOf(_likeliest.Peek());
        }

        int count = _likeliest.Count;
        for (int i = count - 1; i >= 0; i--)
            _ranked[i] = _likeliest.Dequeue();
        Span<ulong> ranked = _ranked.AsSpan(0, count);
        return _settings.TopP < 1 ? KeepNucleus(ranked, Total(ranked)) : ranked;
    }

    /// <summary>Every token that top-p can keep, largest weight first.</summary>
    private Span<ulong> RankNucleus(double total)
    {
        // Tokens below (1 − p) / V have less than 1 − p together, so that the others reach p without them.
        double least = (1 - _settings.TopP) / _vocabularySize * total;
        int count = 0;
        for (int token = 0; token < _vocabularySize; token++)
        {
            if (_weights[token] >= least)
                _ranked[count++] = Rank(token);
        }

        Span<ulong> ranked = _ranked.AsSpan(0, count);
        ranked.Sort();
        return KeepNucleus(ranked, total);
    }

    /// <summary>The shortest beginning whose weights reach top-p of <paramref name="total"/>.</summary>
    private Span<ulong> KeepNucleus(Span<ulong> ranked, double total)
    {
        double sum = 0;
        for (int i = 0; i < ranked.Length; i++)
        {
            sum += WeightOf(ranked[i]);
            if (sum >= _settings.TopP * total)
                return ranked[..(i + 1)];
        }

        return ranked;
    }

    private static int Draw(ReadOnlySpan<ulong> ranked, double uniform)
    {
        double total = Total(ranked);
        double sum = 0;
        foreach (ulong rank in ranked)
        {
            sum += WeightOf(rank);
            if (sum > total * uniform)
                return (int)(uint)rank;
        }

        return (int)(uint)ranked[0]; // only rounding leads here; the likeliest is never wrong
    }

    private static double Total(ReadOnlySpan<ulong> ranked)
    {
        double total = 0;
        foreach (ulong rank in ranked)
            total += WeightOf(rank);
        return total;
    }

    private int DrawAny(double target, int best)
    {
        double sum = 0;
        for (int token = 0; token < _vocabularySize; token++)
        {
            sum += _weights[token];
            if (sum > target)
                return token;
        }

        return best; // only rounding leads here
    }

    /// <summary>
    /// A number by which tokens sort: the larger weight first, of equals the lower id. A weight is never negative, and the bits of such
    /// floats sort as their values do.
    /// </summary>
    private ulong Rank(int token) => (ulong)~BitConverter.SingleToUInt32Bits(_weights[token]) << 32 | (uint)token;

    private static float WeightOf(ulong rank) => BitConverter.UInt32BitsToSingle(~(uint)(rank >> 32));
}
