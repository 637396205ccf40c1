using MoeLora.Tensors.Memory;

namespace MoeLora.Tensors.Cpu;

/// <summary>Working memory that grows to the largest size ever asked for and is then reused. Its content is unspecified.</summary>
internal sealed unsafe class Scratch : IDisposable
{
    private NativeBuffer? _buffer;

    /// <summary>At least <paramref name="bytes"/>, 64-byte aligned; valid until the next call.</summary>
    public byte* Reserve(long bytes)
    {
        if (_buffer is null || _buffer.ByteCount < bytes)
        {
            _buffer?.Dispose();
            // Half as much again: a context that grows by one position a call must not allocate at each.
            _buffer = new NativeBuffer(Math.Max(bytes + bytes / 2, 4096));
        }
        return (byte*)_buffer.Pointer;
    }

    public void Dispose() => _buffer?.Dispose();
}
