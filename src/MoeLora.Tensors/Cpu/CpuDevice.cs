using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu;

/// <summary>
/// The operations on the process's own cores. Every kernel runs on whatever vectors the processor has; large operations
/// are shared among a persistent pool of pinned threads, small ones run on the calling thread.
/// </summary>
/// <remarks>Driven by one thread at a time; a second one gets an <see cref="InvalidOperationException"/>.</remarks>
public sealed partial class CpuDevice : Device
{
    private readonly Reference.ReferenceDevice _plain = new(); // behind Linear and Recover, until they have kernels

    /// <summary>Starts the threads.</summary>
    /// <param name="threads">How many compute, the calling thread included; by default one for each core that the process may use.</param>
    public CpuDevice(int? threads = null)
    {
        Pool = new WorkerPool(threads ?? CoreAffinity.Count);
        Name = $"cpu ({Simd.Name}, {Pool.Threads} {(Pool.Threads == 1 ? "thread" : "threads")})";
    }

    /// <inheritdoc/>
    public override string Name { get; }

    internal WorkerPool Pool { get; }

    /// <summary>
    /// Pins the calling thread to the first core, beside the pool's own threads. For a thread that does nothing but drive
    /// this device; never the process's main thread, whose cores every new thread of the process gets.
    /// </summary>
    public void PinThread() => Pool.PinCaller();

    /// <inheritdoc/>
    public override Tensor Allocate(DType dtype, int rows, int columns) => new CpuTensor(this, dtype, rows, columns);

    /// <inheritdoc/>
    public override KvCache CreateKvCache(int layers, int heads, int headDim, int capacity) => new CpuKvCache(layers, heads, headDim, capacity);

    /// <inheritdoc/>
    public override void Dispose()
    {
        Pool.Dispose();
        _attentionScratch.Dispose();
    }

    /// <summary>The tensor as a CPU tensor.</summary>
    /// <exception cref="ArgumentException">It lives on another kind of device.</exception>
    internal static CpuTensor Cpu(Tensor tensor) => tensor as CpuTensor
        ?? throw new ArgumentException($"The tensor {tensor} lives on {tensor.Device.Name}, not in the process's memory.", nameof(tensor));

    /// <summary>The cache as a CPU cache.</summary>
    /// <exception cref="ArgumentException">It lives on another kind of device.</exception>
    internal static CpuKvCache Cpu(KvCache cache) => cache as CpuKvCache
        ?? throw new ArgumentException("The key/value cache lives on another kind of device, not in the process's memory.", nameof(cache));
}
