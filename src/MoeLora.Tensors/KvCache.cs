namespace MoeLora.Tensors;

/// <summary>Keys and values of one sequence for all layers, on a device. Values are only ever appended or overwritten from a position on.</summary>
public abstract class KvCache : IDisposable
{
    /// <summary>Describes a cache of <paramref name="capacity"/> positions.</summary>
    protected KvCache(int layers, int heads, int headDim, int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(layers);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(heads);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(headDim);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        Layers = layers;
        Heads = heads;
        HeadDim = headDim;
        Capacity = capacity;
    }

    /// <summary>Layers held.</summary>
    public int Layers { get; }

    /// <summary>Key/value heads per layer.</summary>
    public int Heads { get; }

    /// <summary>Elements of one head.</summary>
    public int HeadDim { get; }

    /// <summary>Positions that fit.</summary>
    public int Capacity { get; }

    /// <summary>Bytes held on the device.</summary>
    public abstract long ResidentBytes { get; }

    /// <inheritdoc/>
    public abstract void Dispose();
}
