using System.Runtime.Intrinsics;
using MoeLora.Tensors.Memory;

namespace MoeLora.Tensors.Cpu;

/// <summary>
/// The operations on the process's own cores. Every kernel runs on whatever vectors the processor has; large operations
/// are shared among a persistent pool of pinned threads, small ones run on the calling thread.
/// </summary>
/// <remarks>
/// Driven by one thread at a time: operations share scratch memory. A second thread is refused with an
/// <see cref="InvalidOperationException"/> when the first one is inside the pool; that makes the mistake visible, it does not make it safe.
/// </remarks>
public partial class CpuDevice : Device
{
    private readonly SlabAllocator _slabs = new();

    /// <summary>Starts the threads.</summary>
    /// <param name="threads">How many compute, the calling thread included; by default one for each core that the process may use.</param>
    public CpuDevice(int? threads = null) => Pool = new WorkerPool(threads ?? CoreAffinity.Count);

    /// <inheritdoc/>
    public override string Name => $"cpu ({Vectors}, {Pool.Threads} {(Pool.Threads == 1 ? "thread" : "threads")})";

    internal WorkerPool Pool { get; }

    /// <summary>Keys in a panel of the pools that this device makes: two vectors.</summary>
    internal int PanelKeys => Math.Max(2 * Lanes, 16);

    private string Vectors => Lanes switch
    {
        16 => "avx512",
        8 => "avx2",
        _ => Vector128.IsHardwareAccelerated ? "128-bit vectors" : "scalar",
    };

    /// <summary>
    /// Pins the calling thread to the first core, beside the pool's own threads. For a thread that does nothing but drive
    /// this device; never the process's main thread, whose cores every new thread of the process gets.
    /// </summary>
    public override void PinThread() => Pool.PinCaller();

    /// <inheritdoc/>
    public override Tensor Allocate(DType dtype, int rows, int columns) => new CpuTensor(this, dtype, rows, columns, _slabs);

    /// <inheritdoc/>
    public override KvPool CreateKvPool(int layers, int heads, int headDim, int blockPositions, int blocks)
        => new CpuKvPool(this, layers, heads, headDim, blockPositions, blocks, PanelKeys);

    /// <inheritdoc/>
    public override long KvBytesPerPosition(int layers, int heads, int headDim) => CpuKvPool.PositionBytes(layers, heads, headDim);

    /// <inheritdoc/>
    public override void Dispose()
    {
        Pool.Dispose();
        foreach (ScratchMemory scratch in (ReadOnlySpan<ScratchMemory>)[_attentionScratch, _selfAttentionScratch, _partialSums, _plans, _panels, _lowRank, _workerScratch, _recoverA, _recoverB, _recoverRows])
            scratch.Dispose();
    }

    /// <summary>The tensor as a CPU tensor.</summary>
    /// <exception cref="ArgumentException">It lives on another kind of device.</exception>
    internal static CpuTensor Cpu(Tensor tensor) => tensor as CpuTensor
        ?? throw new ArgumentException($"The tensor {tensor} lives on {tensor.Device.Name}, not in the process's memory.", nameof(tensor));

    /// <summary>The cache's memory.</summary>
    /// <exception cref="ArgumentException">It lives on another kind of device.</exception>
    internal static CpuKvPool Cpu(KvCache cache) => cache.Pool as CpuKvPool
        ?? throw new ArgumentException("The key/value cache lives on another kind of device, not in the process's memory.", nameof(cache));
}
