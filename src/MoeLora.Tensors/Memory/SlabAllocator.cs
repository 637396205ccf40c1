namespace MoeLora.Tensors.Memory;

/// <summary>
/// Zeroed memory for buffers that are too small for a huge page of their own, such as the weights of a query projection: they are cut from
/// slabs that have huge pages. Memory is never used twice; a slab is freed when all that was cut from it is.
/// </summary>
internal sealed unsafe class SlabAllocator
{
    /// <summary>Bytes of a slab: a few huge pages, so that the last, half-used slab wastes little.</summary>
    public const int SlabBytes = 4 * NativeBuffer.HugePageBytes;

    private readonly Lock _lock = new();
    private Slab? _current;

    /// <summary>Memory of <paramref name="byteCount"/> bytes, less than <see cref="NativeBuffer.HugePageBytes"/>, aligned to 64.</summary>
    public Lease Rent(long byteCount)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(byteCount, NativeBuffer.HugePageBytes);
        lock (_lock)
        {
            long padded = (byteCount + NativeBuffer.Alignment - 1) & ~(NativeBuffer.Alignment - 1L);
            if (_current is null || _current.Used + padded > SlabBytes)
                _current = new Slab();
            byte* memory = (byte*)_current.Buffer.Pointer + _current.Used;
            _current.Used += padded;
            _current.Leases++;
            return new Lease(this, _current, memory);
        }
    }

    private void Return(Slab slab)
    {
        lock (_lock)
        {
            if (--slab.Leases > 0)
                return;
            if (_current == slab)
                _current = null;
            slab.Buffer.Dispose();
        }
    }

    /// <summary>Memory cut from a slab. One that is dropped without being disposed keeps its slab until no lease of it is reachable.</summary>
    public sealed class Lease : IDisposable
    {
        private readonly SlabAllocator _allocator;
        private readonly byte* _memory;
        private Slab? _slab;

        internal Lease(SlabAllocator allocator, Slab slab, byte* memory)
        {
            _allocator = allocator;
            _slab = slab;
            _memory = memory;
        }

        /// <summary>The first byte.</summary>
        public byte* Memory => _memory;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _slab, null) is { } slab)
                _allocator.Return(slab);
        }
    }

    internal sealed class Slab
    {
        public readonly NativeBuffer Buffer = new(SlabBytes);
        public long Used;
        public int Leases;
    }
}
