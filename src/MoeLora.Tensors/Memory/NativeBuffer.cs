using System.Runtime.InteropServices;

namespace MoeLora.Tensors.Memory;

/// <summary>
/// Zeroed native memory, aligned to 64 bytes. From 2 MiB on it is an anonymous mapping aligned to 2 MiB that the kernel is
/// asked to back with huge pages (Linux): weights are read end to end for every token, and small pages would cost
/// about a third of that in address translation.
/// </summary>
public sealed unsafe class NativeBuffer : IDisposable
{
    /// <summary>Every buffer starts at a multiple of this.</summary>
    public const int Alignment = 64;

    /// <summary>Size from which a buffer is a mapping of its own, aligned to this.</summary>
    public const int HugePageBytes = 2 << 20;

    private const int ProtRead = 1;
    private const int ProtWrite = 2;
    private const int MapPrivate = 0x02;
    private const int MapAnonymous = 0x20;
    private const int AdviseHugePage = 14;
    private static readonly nint MapFailed = -1;

    private readonly bool _mapped;
    private void* _pointer;

    /// <summary>Allocates <paramref name="byteCount"/> zero bytes.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="byteCount"/> is not positive.</exception>
    /// <exception cref="OutOfMemoryException">The memory is not available.</exception>
    public NativeBuffer(long byteCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(byteCount);
        ByteCount = byteCount;
        if (byteCount >= HugePageBytes && OperatingSystem.IsLinux())
        {
            _pointer = Map(byteCount);
            _mapped = true;
        }
        else
        {
            nuint padded = ((nuint)byteCount + Alignment - 1) & ~(nuint)(Alignment - 1);
            _pointer = NativeMemory.AlignedAlloc(padded, Alignment);
            NativeMemory.Clear(_pointer, padded);
        }
    }

    /// <summary>Frees the memory of a buffer that was not disposed.</summary>
    ~NativeBuffer() => Free();

    /// <summary>The first byte.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public void* Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(_pointer == null, this);
            return _pointer;
        }
    }

    /// <summary>Usable bytes.</summary>
    public long ByteCount { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    /// <summary>
    /// Maps enough to hold an aligned range and unmaps the ends. The tail is rounded to small pages only, so that a huge
    /// page never makes memory resident that nobody asked for.
    /// </summary>
    private static void* Map(long byteCount)
    {
        long length = RoundUp(byteCount, Environment.SystemPageSize);
        long reserved = checked(length + HugePageBytes);
        nint start = mmap(0, (nuint)reserved, ProtRead | ProtWrite, MapPrivate | MapAnonymous, -1, 0);
        if (start == MapFailed)
            throw new OutOfMemoryException($"The system refused {byteCount} bytes.");
        nint aligned = (nint)RoundUp(start, HugePageBytes);
        long head = aligned - start;
        long tail = reserved - head - length;
        if (head > 0)
            munmap(start, (nuint)head);
        if (tail > 0)
            munmap(aligned + (nint)length, (nuint)tail);
        // Advice only: without huge pages everything works, slower.
        _ = madvise(aligned, (nuint)length, AdviseHugePage);
        return (void*)aligned;
    }

    private static long RoundUp(long value, long multiple) => (value + multiple - 1) / multiple * multiple;

    private void Free()
    {
        if (_pointer == null)
            return;
        if (_mapped)
            munmap((nint)_pointer, (nuint)RoundUp(ByteCount, Environment.SystemPageSize));
        else
            NativeMemory.AlignedFree(_pointer);
        _pointer = null;
    }

    [DllImport("libc", SetLastError = true)]
    private static extern nint mmap(nint address, nuint length, int protection, int flags, int file, long offset);

    [DllImport("libc", SetLastError = true)]
    private static extern int munmap(nint address, nuint length);

    [DllImport("libc", SetLastError = true)]
    private static extern int madvise(nint address, nuint length, int advice);
}
