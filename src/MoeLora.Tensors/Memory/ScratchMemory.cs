namespace MoeLora.Tensors.Memory;

/// <summary>Memory that grows to the largest size asked for and is then reused. Its content does not survive growing.</summary>
internal sealed unsafe class ScratchMemory : IDisposable
{
    private NativeBuffer? _buffer;

    /// <summary>The first byte of what was last reserved.</summary>
    public void* Pointer => _buffer is { } buffer ? buffer.Pointer : null;

    /// <summary>Memory of at least <paramref name="byteCount"/> bytes, aligned to 64.</summary>
    public void* Reserve(long byteCount)
    {
        if (_buffer is null || _buffer.ByteCount < byteCount)
        {
            _buffer?.Dispose();
            _buffer = new NativeBuffer(byteCount);
        }

        return _buffer.Pointer;
    }

    public void Dispose() => _buffer?.Dispose();
}
