using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>Transposes 8 × 8 floats in registers: 24 shuffles for 64 elements.</summary>
internal static unsafe class Transpose
{
    /// <summary>Whether <see cref="Load8x8"/> may be used.</summary>
    public static bool IsSupported => Avx.IsSupported;

    /// <summary>Reads eight rows of eight floats and returns the eight columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load8x8(
        float* r0, float* r1, float* r2, float* r3, float* r4, float* r5, float* r6, float* r7, out Vector256<float> c0, out Vector256<float> c1, out Vector256<float> c2,
        out Vector256<float> c3, out Vector256<float> c4, out Vector256<float> c5, out Vector256<float> c6, out Vector256<float> c7)
    {
        Vector256<float> a0 = Avx.LoadVector256(r0), a1 = Avx.LoadVector256(r1), a2 = Avx.LoadVector256(r2), a3 = Avx.LoadVector256(r3);
        Vector256<float> a4 = Avx.LoadVector256(r4), a5 = Avx.LoadVector256(r5), a6 = Avx.LoadVector256(r6), a7 = Avx.LoadVector256(r7);
        Vector256<float> b0 = Avx.UnpackLow(a0, a1), b1 = Avx.UnpackHigh(a0, a1), b2 = Avx.UnpackLow(a2, a3), b3 = Avx.UnpackHigh(a2, a3);
        Vector256<float> b4 = Avx.UnpackLow(a4, a5), b5 = Avx.UnpackHigh(a4, a5), b6 = Avx.UnpackLow(a6, a7), b7 = Avx.UnpackHigh(a6, a7);
        Vector256<float> d0 = Avx.Shuffle(b0, b2, 0x44), d1 = Avx.Shuffle(b0, b2, 0xee), d2 = Avx.Shuffle(b1, b3, 0x44), d3 = Avx.Shuffle(b1, b3, 0xee);
        Vector256<float> d4 = Avx.Shuffle(b4, b6, 0x44), d5 = Avx.Shuffle(b4, b6, 0xee), d6 = Avx.Shuffle(b5, b7, 0x44), d7 = Avx.Shuffle(b5, b7, 0xee);
        c0 = Avx.Permute2x128(d0, d4, 0x20);
        c1 = Avx.Permute2x128(d1, d5, 0x20);
        c2 = Avx.Permute2x128(d2, d6, 0x20);
        c3 = Avx.Permute2x128(d3, d7, 0x20);
        c4 = Avx.Permute2x128(d0, d4, 0x31);
        c5 = Avx.Permute2x128(d1, d5, 0x31);
        c6 = Avx.Permute2x128(d2, d6, 0x31);
        c7 = Avx.Permute2x128(d3, d7, 0x31);
    }
}
