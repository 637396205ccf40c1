using System.Runtime.InteropServices;

namespace MoeLora.Tensors.Tests.Memory;

/// <summary>
/// Memory whose last byte is followed, or whose first byte is preceded, by a page that must not be touched: who reads or writes
/// outside ends the test run with a segmentation fault. On systems other than Linux it is ordinary memory.
/// </summary>
internal sealed unsafe class GuardedMemory : IDisposable
{
    private readonly nint _mapping;
    private readonly nuint _mappedBytes;

    public GuardedMemory(long bytes, bool guardEnd)
    {
        if (!OperatingSystem.IsLinux())
        {
            Pointer = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, 64);
            NativeMemory.Clear(Pointer, (nuint)bytes);
            return;
        }
        long page = Environment.SystemPageSize;
        long usable = (bytes + page - 1) / page * page;
        _mappedBytes = (nuint)(usable + 2 * page);
        _mapping = mmap(0, _mappedBytes, 0, 0x22, -1, 0);
        if (_mapping == -1 || mprotect(_mapping + (nint)page, (nuint)usable, 3) != 0)
            throw new OutOfMemoryException("No guarded memory.");
        Pointer = (byte*)_mapping + page + (guardEnd ? usable - bytes : 0);
    }

    public byte* Pointer { get; }

    public void Dispose()
    {
        if (_mapping == 0)
            NativeMemory.AlignedFree(Pointer);
        else
            _ = munmap(_mapping, _mappedBytes);
    }

    [DllImport("libc", SetLastError = true)]
    private static extern nint mmap(nint address, nuint length, int protection, int flags, int file, long offset);

    [DllImport("libc", SetLastError = true)]
    private static extern int mprotect(nint address, nuint length, int protection);

    [DllImport("libc", SetLastError = true)]
    private static extern int munmap(nint address, nuint length);
}
