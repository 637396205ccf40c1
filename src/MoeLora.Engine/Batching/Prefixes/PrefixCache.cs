using MoeLora.Tensors;

namespace MoeLora.Engine.Batching.Prefixes;

/// <summary>
/// Keys and values of beginnings of prompts, in whole blocks, kept for later prompts with the same key and the same beginning until their blocks are needed, the least
/// recently used first. A request says which it uses (<see cref="Find"/>, <see cref="Extend"/>) and when no longer (<see cref="Release"/>).
/// </summary>
internal sealed class PrefixCache(KvPool pool) : IDisposable
{
    private readonly Dictionary<PrefixBlockKey, PrefixBlock> _blocks = [];

    // By last use, the longest ago first. Releasing touches a chain from its end to its beginning, so of blocks without users none is older than what follows it:
    // the first without users has no follower, or it would be here before it.
    private readonly LinkedList<PrefixBlock> _ages = [];
    private int _evictable;

    /// <summary>Blocks kept.</summary>
    public int Count => _blocks.Count;

    /// <summary>Blocks kept that no request uses. Safe from any thread.</summary>
    public int Evictable => Volatile.Read(ref _evictable);

    /// <summary>Appends the blocks that hold the beginning of a prompt to <paramref name="chain"/>, as used by its owner.</summary>
    /// <param name="key">The prefix key.</param>
    /// <param name="prompt">The prompt.</param>
    /// <param name="chain">Empty.</param>
    public void Find(string key, ReadOnlyMemory<int> prompt, List<PrefixBlock> chain)
    {
        object parent = key;
        int size = pool.BlockPositions;

        // The last token is always computed: its row gives the first logits.
        for (int end = size; end < prompt.Length; end += size)
        {
            if (!_blocks.TryGetValue(new PrefixBlockKey(parent, prompt[(end - size)..end]), out PrefixBlock? block))
                break;
            Use(block);
            chain.Add(block);
            parent = block;
        }
    }

    /// <summary>Keeps the blocks of a prompt that are computed by now, and appends them to <paramref name="chain"/>, as used by its owner.</summary>
    /// <param name="key">The prefix key.</param>
    /// <param name="prompt">The prompt.</param>
    /// <param name="computed">Tokens of it that the sequence holds.</param>
    /// <param name="blocks">The sequence's blocks.</param>
    /// <param name="chain">What the request uses so far.</param>
    public void Extend(string key, ReadOnlyMemory<int> prompt, int computed, ReadOnlySpan<int> blocks, List<PrefixBlock> chain)
    {
        int size = pool.BlockPositions;
        for (int i = chain.Count; (i + 1) * size <= computed; i++)
        {
            object parent = i == 0 ? key : chain[^1];
            ReadOnlyMemory<int> tokens = prompt.Slice(i * size, size);
            if (_blocks.TryGetValue(new PrefixBlockKey(parent, tokens), out PrefixBlock? block))
            {
                Use(block); // another request computed the same at the same time; the sequence keeps its own block
            }
            else
            {
                block = new PrefixBlock(new PrefixBlockKey(parent, tokens.ToArray()), blocks[i]) { Users = 1 };
                pool.Retain(block.Block);
                _blocks.Add(block.Key, block);
                _ages.AddLast(block.Age);
            }

            chain.Add(block);
        }
    }

    /// <summary>Ends a request's use.</summary>
    /// <param name="chain">What it uses; emptied.</param>
    public void Release(List<PrefixBlock> chain)
    {
        for (int i = chain.Count - 1; i >= 0; i--)
        {
            PrefixBlock block = chain[i];
            _ages.Remove(block.Age);
            _ages.AddLast(block.Age);
            if (--block.Users == 0)
                Volatile.Write(ref _evictable, _evictable + 1);
        }

        chain.Clear();
    }

    /// <summary>Frees the block whose last use is longest ago. False when all are in use.</summary>
    public bool TryEvict()
    {
        if (_evictable == 0)
            return false;
        LinkedListNode<PrefixBlock> oldest = _ages.First!;
        while (oldest.Value.Users > 0)
            oldest = oldest.Next!;
        Remove(oldest.Value);
        return true;
    }

    /// <summary>Frees all blocks. No request may use one.</summary>
    public void Dispose()
    {
        while (TryEvict())
        {
        }
    }

    private void Use(PrefixBlock block)
    {
        if (block.Users++ == 0)
            Volatile.Write(ref _evictable, _evictable - 1);
    }

    private void Remove(PrefixBlock block)
    {
        _blocks.Remove(block.Key);
        _ages.Remove(block.Age);
        pool.Release(block.Block);
        Volatile.Write(ref _evictable, _evictable - 1);
    }
}
