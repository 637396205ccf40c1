using System.Numerics;

namespace MoeLora.Engine.Sampling;

/// <summary>Finds the tokens of the largest values without sorting all. Its memory grows to the largest count asked for and stays.</summary>
internal sealed class LargestTokens
{
    // A queue gives up its smallest priority first, so the least of those kept is at its head.
    private readonly PriorityQueue<ulong, ulong> _kept = new();

    /// <summary>Fills <paramref name="ranked"/> with the <see cref="TokenRank"/>s of the largest values, largest first, of equals the lower ids.</summary>
    /// <param name="values">One for each token, none of them NaN.</param>
    /// <param name="ranked">As many as are wanted, at least 1 and at most as many as there are values.</param>
    public void Rank(ReadOnlySpan<float> values, Span<ulong> ranked)
    {
        _kept.Clear();
        for (int token = 0; token < ranked.Length; token++)
            Keep(values[token], token, full: false);
        float least = TokenRank.Value(_kept.Peek());

        // Ids only grow: a later equal stays out. Whole vectors without a larger value are passed by at once.
        int at = ranked.Length;
        for (; at + Vector<float>.Count <= values.Length; at += Vector<float>.Count)
        {
            if (!Vector.GreaterThanAny(new Vector<float>(values[at..]), new Vector<float>(least)))
                continue;
            for (int token = at; token < at + Vector<float>.Count; token++)
                Offer(token, values[token], ref least);
        }

        for (; at < values.Length; at++)
            Offer(at, values[at], ref least);
        for (int i = ranked.Length - 1; i >= 0; i--)
            ranked[i] = _kept.Dequeue();
    }

    private void Offer(int token, float value, ref float least)
    {
        if (value <= least)
            return;
        Keep(value, token, full: true);
        least = TokenRank.Value(_kept.Peek());
    }

    private void Keep(float value, int token, bool full)
    {
        ulong rank = TokenRank.Of(value, token);
        if (full)
            _kept.DequeueEnqueue(rank, ~rank);
        else
            _kept.Enqueue(rank, ~rank);
    }
}
