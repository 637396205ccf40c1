using System.Runtime.InteropServices;
using MoeLora.Tensors;
using MoeLora.Torch.Native;
using TorchSharp;

namespace MoeLora.Torch;

/// <summary>
/// The operations on libtorch, by TorchSharp: on a CUDA GPU, or on the processor, with the same code. What is computed and how exactly is in README.md.
/// </summary>
/// <remarks>
/// Driven by one thread at a time. Tensors are freed by <see cref="IDisposable.Dispose"/> or with the device, never by the collector. Where memory runs out, the operation throws an
/// <see cref="OutOfMemoryException"/>; the device and what it holds stay usable.
/// </remarks>
public sealed partial class TorchDevice : Device
{
    /// <summary>The kind of device that is the processor, by libtorch; see <see cref="DeviceKinds"/>.</summary>
    public const string CpuKind = "torch-cpu";

    /// <summary>The kind of device that is a GPU by CUDA: <c>cuda</c> or <c>cuda:0</c> is the first that CUDA shows to the process.</summary>
    public const string CudaKind = "cuda";

    private readonly Operation _operation = new();
    private readonly HashSet<TorchTensor> _tensors = [];
    private readonly HashSet<TorchKvPool> _pools = [];
    private readonly torch.Device _device;
    private readonly bool _halfProducts;
    private readonly int _fewTile, _manyTile; // rows of a product: always so many, that a row is summed in one order
    private readonly AttentionPlan _plan = new();
    private readonly RotaryRows _rotary = new();
    private readonly GateRows _gates = new();
    private torch.Tensor? _widened;
    private bool _disposed;

    private TorchDevice(torch.Device device, TorchOptions options)
    {
        _device = device;
        IsCuda = device.type == DeviceType.CUDA;
        _halfProducts = options.HalfProducts ?? IsCuda;
        _staging = new HostStaging(IsCuda, Synchronize);
        if (options.Threads is { } threads)
            torch.set_num_threads(threads);
        // Products of F32 are F32: a GPU would round the inputs to 10 bits of fraction.
        torch.backends.cuda.matmul.allow_tf32 = false;
        (_fewTile, _manyTile) = IsCuda ? (64, 256) : (4, 64);
        Name = IsCuda ? $"torch cuda:{device.index}" : $"torch cpu ({torch.get_num_threads()} {(torch.get_num_threads() == 1 ? "thread" : "threads")})";
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override int FewRows => IsCuda ? _fewTile : 16;

    /// <summary>Whether this is a GPU.</summary>
    public bool IsCuda { get; }

    /// <inheritdoc/>
    public override long? MemoryBytes => IsCuda ? CudaDriver.MemoryBytes(_device.index) : null;

    /// <summary>Bytes of the tensors and key/value pools that this device holds.</summary>
    public long ResidentBytes
    {
        get
        {
            lock (_tensors)
                return _tensors.Sum(tensor => tensor.ResidentBytes) + _pools.Sum(pool => pool.ResidentBytes);
        }
    }

    /// <summary>Both kinds, for a program to make known to <see cref="DeviceKinds"/>.</summary>
    public static IReadOnlyDictionary<string, Func<DeviceRequest, Device>> Kinds { get; } = new Dictionary<string, Func<DeviceRequest, Device>>
    {
        [CpuKind] = request => OpenCpu(new TorchOptions { Threads = request.Threads }),
        [CudaKind] = request => OpenCuda(request.Index),
    };

    /// <summary>Opens the processor.</summary>
    /// <exception cref="IOException">The native libraries are not with the program.</exception>
    public static TorchDevice OpenCpu(TorchOptions? options = null)
    {
        Initialise(CpuKind);
        return new TorchDevice(new torch.Device(DeviceType.CPU), options ?? new TorchOptions());
    }

    /// <summary>Opens a GPU.</summary>
    /// <param name="index">Which, from 0, of those that CUDA shows to the process.</param>
    /// <param name="options">How it computes.</param>
    /// <exception cref="IOException">There is no such GPU, or the native libraries that drive it are not with the program.</exception>
    public static TorchDevice OpenCuda(int index, TorchOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        Initialise($"{CudaKind}:{index}");
        int count = CudaDevices();
        if (count == 0)
            throw new IOException($"{CudaKind}:{index} cannot be opened: CUDA finds no GPU. Check nvidia-smi, and that the program was built with -p:Cuda=true.");
        if (index >= count)
            throw new IOException($"{CudaKind}:{index} cannot be opened: there {(count == 1 ? "is one GPU, cuda:0" : $"are {count} GPUs, cuda:0 to cuda:{count - 1}")}.");
        torch.InitializeDeviceType(DeviceType.CUDA);
        return new TorchDevice(new torch.Device(DeviceType.CUDA, index), options ?? new TorchOptions());
    }

    /// <summary>How many GPUs CUDA shows to this process; 0 where the native libraries are those for the processor.</summary>
    public static int CudaDevices()
    {
        try
        {
            NativeLibraries.Load();
            return torch.TryInitializeDeviceType(DeviceType.CPU) && torch.cuda.is_available() ? torch.cuda.device_count() : 0;
        }
        catch (Exception e) when (IsMissingLibrary(e))
        {
            return 0;
        }
    }

    /// <inheritdoc/>
    public override void Synchronize()
    {
        if (IsCuda)
            torch.cuda.synchronize(_device);
    }

    /// <inheritdoc/>
    /// <remarks>CUDA says an error of one call in every later one, until the process ends: the error of this call is the device's, whatever it was that failed before.</remarks>
    public override string? FindFault()
    {
        try
        {
            using Operation operation = _operation.Begin();
            torch.Tensor one = torch.ones(1, torch.ScalarType.Float32, _device);
            return one.Plus(one).cpu().item<float>() == 2 ? null : $"{Name} does not compute any more: 1 + 1 is not 2.";
        }
        catch (ExternalException e) when (!DeviceMemory.IsOut(e))
        {
            return $"{Name} does not compute any more: {e.Message.Split('\n')[0]}";
        }
        catch (ExternalException)
        {
            return null; // it is full, which ends
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        lock (_tensors)
        {
            foreach (TorchTensor tensor in _tensors)
                tensor.Free();
            _tensors.Clear();
            foreach (TorchKvPool pool in _pools)
                pool.Free();
            _pools.Clear();
        }
        _widened?.Dispose();
        _staging.Dispose();
        _rotary.Dispose();
        _gates.Dispose();
        _plan.Dispose();
    }

    /// <summary>Frees a tensor, once.</summary>
    internal void Forget(TorchTensor tensor)
    {
        lock (_tensors)
        {
            if (_tensors.Remove(tensor))
                tensor.Free();
        }
    }

    /// <summary>Frees a pool, once.</summary>
    internal void Forget(TorchKvPool pool)
    {
        lock (_tensors)
        {
            if (_pools.Remove(pool))
                pool.Free();
        }
    }

    /// <summary>The tensor as one of this device's.</summary>
    /// <exception cref="ArgumentException">It lives on another device.</exception>
    private TorchTensor Torch(Tensor tensor) => tensor is TorchTensor own && ReferenceEquals(own.Device, this)
        ? own
        : throw new ArgumentException($"The tensor {tensor} lives on {tensor.Device.Name}, not on {Name}.", nameof(tensor));

    private static void Initialise(string name)
    {
        try
        {
            NativeLibraries.Load();
            torch.TryInitializeDeviceType(DeviceType.CPU);
        }
        catch (Exception e) when (IsMissingLibrary(e))
        {
            throw new IOException($"{name} cannot be opened: libtorch is not with the program, or cannot be loaded here. Build it with -p:Cuda=true for CUDA, or -p:TorchCpu=true.", e);
        }
    }

    private static bool IsMissingLibrary(Exception e) => e is NotSupportedException or DllNotFoundException or TypeInitializationException or EntryPointNotFoundException;

    /// <summary>Runs what needs much memory; too little becomes an error that says for what.</summary>
    private T Allocated<T>(string what, Func<T> allocate)
    {
        try
        {
            return allocate();
        }
        catch (ExternalException e) when (DeviceMemory.IsOut(e))
        {
            throw DeviceMemory.Error(Name, what, e);
        }
    }
}
