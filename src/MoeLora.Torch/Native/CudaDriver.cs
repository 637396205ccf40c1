using System.Runtime.InteropServices;

namespace MoeLora.Torch.Native;

/// <summary>What TorchSharp does not say of a GPU, by NVIDIA's driver, which is there wherever a GPU is. Numbers of GPUs are those that the process is shown, as in libtorch.</summary>
internal static partial class CudaDriver
{
    private const string Library = "libcuda.so.1";

    /// <summary>All memory of a GPU, in bytes; null where the driver does not tell.</summary>
    public static long? MemoryBytes(int index)
    {
        try
        {
            return Initialise(0) == 0 && GetDevice(out int device, index) == 0 && GetTotalMemory(out nuint bytes, device) == 0 ? (long)bytes : null;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return null;
        }
    }

    [LibraryImport(Library, EntryPoint = "cuInit")]
    private static partial int Initialise(uint flags);

    [LibraryImport(Library, EntryPoint = "cuDeviceGet")]
    private static partial int GetDevice(out int device, int ordinal);

    [LibraryImport(Library, EntryPoint = "cuDeviceTotalMem_v2")]
    private static partial int GetTotalMemory(out nuint bytes, int device);
}
