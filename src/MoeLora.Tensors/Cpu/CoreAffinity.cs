using System.Numerics;
using System.Runtime.InteropServices;

namespace MoeLora.Tensors.Cpu;

/// <summary>The cores that this process may use, and pinning a thread to one of them.</summary>
internal static unsafe class CoreAffinity
{
    private const int MaskWords = 128; // 8192 cores

    // Read once, early: a pinned thread would later see only its own core.
    private static readonly int[] Allowed = ReadAllowed();

    /// <summary>Cores to plan for: those allowed, or fewer when the container has a smaller CPU quota.</summary>
    public static int Count => Environment.ProcessorCount;

    /// <summary>
    /// Pins the calling thread to the allowed core number <paramref name="index"/> (wrapping around). Does nothing where the
    /// system cannot, and under a CPU quota smaller than the set of allowed cores: there the containers of one host
    /// would all choose the same cores.
    /// </summary>
    public static void PinCaller(int index)
    {
        if (Allowed.Length == 0 || Allowed.Length != Environment.ProcessorCount)
            return;
        int core = Allowed[index % Allowed.Length];
        ulong* mask = stackalloc ulong[MaskWords];
        new Span<ulong>(mask, MaskWords).Clear();
        mask[core / 64] = 1UL << (core % 64);
        // Refused only when the allowed set changed under us; then the thread floats, which is merely slower.
        _ = sched_setaffinity(0, MaskWords * sizeof(ulong), mask);
    }

    /// <summary>The cores that the calling thread may run on; empty where the system cannot say.</summary>
    public static int[] ReadAllowed()
    {
        if (!OperatingSystem.IsLinux())
            return [];
        ulong* mask = stackalloc ulong[MaskWords];
        new Span<ulong>(mask, MaskWords).Clear();
        if (sched_getaffinity(0, MaskWords * sizeof(ulong), mask) != 0)
            return [];
        var cores = new List<int>();
        for (int word = 0; word < MaskWords; word++)
        {
            for (ulong bits = mask[word]; bits != 0; bits &= bits - 1)
                cores.Add(word * 64 + BitOperations.TrailingZeroCount(bits));
        }
        return [.. cores];
    }

    [DllImport("libc", SetLastError = true)]
    private static extern int sched_getaffinity(int thread, nuint bytes, ulong* mask);

    [DllImport("libc", SetLastError = true)]
    private static extern int sched_setaffinity(int thread, nuint bytes, ulong* mask);
}
