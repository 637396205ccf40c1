using System.Runtime.Intrinsics;

namespace MoeLora.Engine.Sampling;

/// <summary>One draw from the logits: temperature, top-k, top-p, min-p. Its memory is allocated once.</summary>
internal sealed class TokenDraw
{
    private readonly int _vocabularySize;
    private readonly float[] _weights; // e^((logit − max) / temperature), so that the likeliest has 1; padded with zeros to whole vectors
    private readonly ulong[] _ranked;
    private readonly LargestTokens _largest = new();

    public TokenDraw(int vocabularySize)
    {
        _vocabularySize = vocabularySize;
        _weights = new float[(vocabularySize + Vector256<float>.Count - 1) / Vector256<float>.Count * Vector256<float>.Count];
        _ranked = new ulong[vocabularySize];
    }

    /// <summary>Draws a token.</summary>
    /// <param name="settings">With a temperature above 0.</param>
    /// <param name="logits">None of them NaN or +∞.</param>
    /// <param name="best">The token of the largest, which is finite.</param>
    /// <param name="uniform">In [0, 1).</param>
    public int Draw(SamplingSettings settings, ReadOnlySpan<float> logits, int best, double uniform)
    {
        double total = Weigh(logits, logits[best], settings.Temperature);
        if (settings.TopK > 0 && settings.TopK < _vocabularySize)
        {
            Span<ulong> ranked = _ranked.AsSpan(0, settings.TopK);
            _largest.Rank(_weights.AsSpan(0, _vocabularySize), ranked);
            if (settings.TopP < 1)
                ranked = KeepNucleus(ranked, settings.TopP, Total(ranked));
            return Draw(KeepLikely(ranked, settings.MinP), uniform);
        }

        if (settings.TopP < 1)
            return Draw(KeepLikely(RankNucleus(settings.TopP, total), settings.MinP), uniform);
        return DrawAny((settings.MinP > 0 ? DropUnlikely(settings.MinP) : total) * uniform, best);
    }

    /// <summary>Fills the weights and returns their sum.</summary>
    private double Weigh(ReadOnlySpan<float> logits, float max, double temperature)
    {
        // A tiny temperature must not become 1/0, nor a huge one 0: 0 · ∞ would make a weight NaN.
        float scale = (float)Math.Clamp(1 / temperature, float.Epsilon, float.MaxValue);
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

    /// <summary>Every token that top-p can keep, largest weight first.</summary>
    private Span<ulong> RankNucleus(double topP, double total)
    {
        // Tokens below (1 − p) / V have less than 1 − p together, so that the others reach p without them. Most often those of far larger
        // weights reach it by themselves, and the order of the rest does not matter.
        float least = MathF.BitDecrement((float)((1 - topP) / _vocabularySize * total));
        Span<ulong> ranked = default;
        for (float floor = 1e-2f; ; floor *= 1e-2f)
        {
            bool isLast = floor <= least;
            ranked = Gather(isLast ? least : floor, out double sum);
            if (isLast || sum > topP * total * (1 + 1e-9)) // more than the sums' rounding, whatever their order
                break;
        }

        ranked.Sort();
        return KeepNucleus(ranked, topP, total);
    }

    /// <summary>The tokens of at least a weight, and their sum.</summary>
    private Span<ulong> Gather(float least, out double sum)
    {
        int count = 0;
        sum = 0;
        for (int at = 0; at < _vocabularySize; at += Vector256<float>.Count)
        {
            if (!Vector256.GreaterThanOrEqualAny(Vector256.LoadUnsafe(ref _weights[at]), Vector256.Create(least)))
                continue;
            int end = Math.Min(at + Vector256<float>.Count, _vocabularySize);
            for (int token = at; token < end; token++)
            {
                if (_weights[token] < least)
                    continue;
                _ranked[count++] = TokenRank.Of(_weights[token], token);
                sum += _weights[token];
            }
        }

        return _ranked.AsSpan(0, count);
    }

    /// <summary>The shortest beginning whose weights reach top-p of <paramref name="total"/>.</summary>
    private static Span<ulong> KeepNucleus(Span<ulong> ranked, double topP, double total)
    {
        double sum = 0;
        for (int i = 0; i < ranked.Length; i++)
        {
            sum += TokenRank.Value(ranked[i]);
            if (sum >= topP * total)
                return ranked[..(i + 1)];
        }

        return ranked;
    }

    /// <summary>The beginning whose weights reach min-p; the likeliest always does.</summary>
    private static Span<ulong> KeepLikely(Span<ulong> ranked, double minP)
    {
        int count = ranked.Length;
        while (TokenRank.Value(ranked[count - 1]) < minP)
            count--;
        return ranked[..count];
    }

    /// <summary>Drops the tokens that do not reach min-p, and returns the others' sum.</summary>
    private double DropUnlikely(double minP)
    {
        // The least float that is not below min-p: comparing floats with it is comparing them with min-p.
        float least = (float)minP;
        if (least < minP)
            least = MathF.BitIncrement(least);
        double total = 0;
        for (int i = 0; i < _weights.Length; i += Vector256<float>.Count)
        {
            Vector256<float> weights = Vector256.LoadUnsafe(ref _weights[i]);
            weights &= Vector256.GreaterThanOrEqual(weights, Vector256.Create(least));
            weights.StoreUnsafe(ref _weights[i]);
            total += Vector256.Sum(weights);
        }

        return total;
    }

    private static int Draw(ReadOnlySpan<ulong> ranked, double uniform)
    {
        double total = Total(ranked);
        double sum = 0;
        foreach (ulong rank in ranked)
        {
            sum += TokenRank.Value(rank);
            if (sum > total * uniform)
                return TokenRank.Token(rank);
        }

        return TokenRank.Token(ranked[0]); // only rounding leads here; the likeliest is never wrong
    }

    private static double Total(ReadOnlySpan<ulong> ranked)
    {
        double total = 0;
        foreach (ulong rank in ranked)
            total += TokenRank.Value(rank);
        return total;
    }

    /// <summary>The first token at which the running sum of weights passes the target.</summary>
    private int DrawAny(double target, int best)
    {
        double sum = 0;
        for (int at = 0; at < _vocabularySize; at += Vector256<float>.Count)
        {
            double next = sum + Vector256.Sum(Vector256.LoadUnsafe(ref _weights[at]));
            if (next <= target)
            {
                sum = next;
                continue;
            }

            int likely = at; // of the vector at which it passes; its own sum may differ by rounding from that of its parts
            for (int token = at; token < Math.Min(at + Vector256<float>.Count, _vocabularySize); token++)
            {
                sum += _weights[token];
                if (sum > target)
                    return token;
                if (_weights[token] > 0)
                    likely = token;
            }

            return likely;
        }

        return best; // only rounding leads here
    }
}
