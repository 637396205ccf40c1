using MoeLora.Engine.Batching.Prefixes;
using MoeLora.Tensors;

namespace MoeLora.Engine.Batching;

/// <summary>Blocks for sequences: the free ones, then those that only the prefix cache holds.</summary>
internal sealed class BlockSupply(KvPool pool, PrefixCache prefixes)
{
    /// <summary>Blocks that can be had.</summary>
    public int Available => pool.FreeBlocks + prefixes.Evictable;

    /// <summary>As <see cref="KvCache.TryReserve(int, int)"/>, with room made in the prefix cache. False, and nothing changes, when even that is too little.</summary>
    public bool TryReserve(KvCache cache, int from, int to)
    {
        int needed = cache.NeededBlocks(from, to);
        if (needed > Available)
            return false;
        while (needed > pool.FreeBlocks)
            prefixes.TryEvict();
        return cache.TryReserve(from, to);
    }

    /// <summary>Blocks that hold so many positions.</summary>
    public int Blocks(int positions) => (positions + pool.BlockPositions - 1) / pool.BlockPositions;

    /// <summary>Blocks that hold a prompt and answers to it, which share the prompt's whole blocks.</summary>
    /// <param name="prompt">Tokens of the prompt.</param>
    /// <param name="answers">How many.</param>
    /// <param name="tokens">Tokens of each.</param>
    public long Blocks(int prompt, int answers, int tokens)
    {
        int shared = prompt / pool.BlockPositions;
        return shared + (long)answers * (Blocks(prompt + tokens) - shared);
    }
}
