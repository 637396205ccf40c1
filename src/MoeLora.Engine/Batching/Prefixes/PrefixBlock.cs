namespace MoeLora.Engine.Batching.Prefixes;

/// <summary>A block of keys and values that later prompts may use: of these tokens after those of its parents. Belongs to a <see cref="PrefixCache"/>.</summary>
internal sealed class PrefixBlock
{
    public PrefixBlock(PrefixBlockKey key, int block)
    {
        Key = key;
        Block = block;
        Age = new LinkedListNode<PrefixBlock>(this);
    }

    /// <summary>By what it is found.</summary>
    public PrefixBlockKey Key { get; }

    /// <summary>Its block in the pool, to which the cache holds a reference.</summary>
    public int Block { get; }

    /// <summary>Requests that use it; with any it cannot make room.</summary>
    public int Users { get; set; }

    /// <summary>Its place among all by last use.</summary>
    public LinkedListNode<PrefixBlock> Age { get; }
}

/// <summary>
/// Which block it is: the tokens in it, after those of a parent, which is a <see cref="PrefixBlock"/> or, for a first block, the prefix key. Compared in full, all the
/// way: a hash only finds candidates.
/// </summary>
internal readonly struct PrefixBlockKey(object parent, ReadOnlyMemory<int> tokens) : IEquatable<PrefixBlockKey>
{
    public object Parent { get; } = parent;

    public ReadOnlyMemory<int> Tokens { get; } = tokens;

    public bool Equals(PrefixBlockKey other) =>
        (ReferenceEquals(Parent, other.Parent) || (Parent is string key && other.Parent is string otherKey && string.Equals(key, otherKey, StringComparison.Ordinal)))
        && Tokens.Span.SequenceEqual(other.Tokens.Span);

    public override bool Equals(object? obj) => obj is PrefixBlockKey other && Equals(other);

    public override int GetHashCode()
    {
        // Seeded anew in each process: nobody can choose tokens that collide.
        var hash = default(HashCode);
        hash.Add(Parent);
        hash.AddBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(Tokens.Span));
        return hash.ToHashCode();
    }
}
