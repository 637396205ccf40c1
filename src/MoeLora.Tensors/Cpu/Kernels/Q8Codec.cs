using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MoeLora.Tensors.Numerics;

namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>One whole block of <see cref="Q8Format"/> by vectors, bit for bit as <see cref="Q8Block"/> defines.</summary>
internal static unsafe class Q8Codec
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Quantise(float* source, sbyte* quants)
    {
        Vector256<float> a = Vector256.Load(source), b = Vector256.Load(source + 8), c = Vector256.Load(source + 16), d = Vector256.Load(source + 24);
        // As integers, magnitudes sort like floats, and infinity and NaN come out largest.
        Vector256<int> largest = Vector256.Max(
            Vector256.Max(Vector256.Abs(a).AsInt32(), Vector256.Abs(b).AsInt32()),
            Vector256.Max(Vector256.Abs(c).AsInt32(), Vector256.Abs(d).AsInt32()));
        Vector128<int> quarter = Vector128.Max(largest.GetLower(), largest.GetUpper());
        quarter = Vector128.Max(quarter, Vector128.Shuffle(quarter, Vector128.Create(2, 3, 0, 1)));
        quarter = Vector128.Max(quarter, Vector128.Shuffle(quarter, Vector128.Create(1, 0, 3, 2)));
        float max = BitConverter.Int32BitsToSingle(quarter.ToScalar());
        if (max == 0 || !float.IsFinite(max))
        {
            Vector256<sbyte>.Zero.Store(quants);
            return max == 0 ? (ushort)0 : Bf16.FromSingle(float.NaN);
        }
        ushort scaleBits = Q8Block.ScaleFor(max);
        Vector256<float> scale = Vector256.Create(Bf16.ToSingle(scaleBits));
        Vector256<short> low = Vector256.Narrow(Nearest(a / scale), Nearest(b / scale));
        Vector256<short> high = Vector256.Narrow(Nearest(c / scale), Nearest(d / scale));
        Vector256.Narrow(low, high).Store(quants);
        return scaleBits;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Dequantise(ushort scaleBits, sbyte* quants, float* destination)
    {
        Vector256<float> scale = Vector256.Create(Bf16.ToSingle(scaleBits));
        (Vector256<short> low, Vector256<short> high) = Vector256.Widen(Vector256.Load(quants));
        (Vector256<int> a, Vector256<int> b) = Vector256.Widen(low);
        (Vector256<int> c, Vector256<int> d) = Vector256.Widen(high);
        (Vector256.ConvertToSingle(a) * scale).Store(destination);
        (Vector256.ConvertToSingle(b) * scale).Store(destination + 8);
        (Vector256.ConvertToSingle(c) * scale).Store(destination + 16);
        (Vector256.ConvertToSingle(d) * scale).Store(destination + 24);
    }

    private static Vector256<int> Nearest(Vector256<float> value) => Vector256.ConvertToInt32Native(Vector256.Round(value));
}
