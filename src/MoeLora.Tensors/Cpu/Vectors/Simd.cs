using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MoeLora.Tensors.Cpu.Vectors;

/// <summary>Which vectors the kernels use.</summary>
internal static class Simd
{
    /// <summary>
    /// Whether kernels run on 512-bit vectors. Asked of the instruction set itself: Vector512.IsHardwareAccelerated is
    /// false on Skylake to Cascade Lake, which lower their clock for wide arithmetic; for kernels made of nothing but
    /// multiply-adds the wider vector wins there too. DOTNET_EnableAVX512=0 switches to 256 bits.
    /// </summary>
    public static bool Use512 => Avx512F.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported;

    /// <summary>Floats in a vector.</summary>
    public static int Width => Use512 ? 16 : 8;

    /// <summary>For reports.</summary>
    public static string Name => Use512 ? "avx512"
        : Avx2.IsSupported ? "avx2"
        : Vector128.IsHardwareAccelerated ? "128-bit vectors" : "scalar";
}
