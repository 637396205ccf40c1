using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MoeLora.Tensors.Cpu.Vectors;

/// <summary>Eight floats at a time. Reading 16-bit and 8-bit weights and <see cref="SumFour"/> need AVX2; the rest runs everywhere.</summary>
internal readonly unsafe struct Lanes256 : ILanes<Vector256<float>>
{
    public static int Width => Vector256<float>.Count;

    public static Vector256<float> Zero => Vector256<float>.Zero;

    public static Vector256<float> Broadcast(float value) => Vector256.Create(value);

    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    public static Vector256<float> LoadBF16(ushort* source) => Bf16Lanes.ToSingle(Widen(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadF16(ushort* source) => F16Lanes.ToSingle(Widen(source));

    public static Vector256<float> LoadI8(sbyte* source) => Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(source));

    public static void Store(float* destination, Vector256<float> value) => value.Store(destination);

    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;

    public static Vector256<float> Sub(Vector256<float> a, Vector256<float> b) => a - b;

    public static Vector256<float> Mul(Vector256<float> a, Vector256<float> b) => a * b;

    public static Vector256<float> Div(Vector256<float> a, Vector256<float> b) => a / b;

    public static Vector256<float> Fma(Vector256<float> a, Vector256<float> b, Vector256<float> c) => Vector256.FusedMultiplyAdd(a, b, c);

    public static Vector256<float> FmaNegated(Vector256<float> a, Vector256<float> b, Vector256<float> c) => Vector256.FusedMultiplyAdd(-a, b, c);

    public static Vector256<float> Negate(Vector256<float> a) => -a;

    public static Vector256<float> Abs(Vector256<float> a) => Vector256.Abs(a);

    public static Vector256<float> Sqrt(Vector256<float> a) => Vector256.Sqrt(a);

    public static Vector256<float> Max(Vector256<float> a, Vector256<float> b) => Vector256.MaxNative(a, b);

    public static Vector256<float> Min(Vector256<float> a, Vector256<float> b) => Vector256.MinNative(a, b);

    public static Vector256<float> Round(Vector256<float> a) => Vector256.Round(a);

    /// <summary>In two factors, as 2ⁿ itself may be out of range.</summary>
    public static Vector256<float> Scale(Vector256<float> a, Vector256<float> n)
    {
        Vector256<int> exponent = Vector256.ConvertToInt32Native(n), half = exponent >> 1;
        return a * PowerOfTwo(half) * PowerOfTwo(exponent - half);
    }

    public static Vector256<float> First(Vector256<float> a, int count, Vector256<float> rest)
        => Vector256.ConditionalSelect(Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(count)).AsSingle(), a, rest);

    public static Vector256<float> BySign(Vector256<float> sign, Vector256<float> a, Vector256<float> b)
        => Vector256.ConditionalSelect(Vector256.LessThan(sign.AsInt32(), Vector256<int>.Zero).AsSingle(), a, b);

    public static bool AnyNaN(Vector256<float> a) => !Vector256.EqualsAll(a, a);

    public static ulong EqualMask(Vector256<float> a, Vector256<float> b) => Vector256.Equals(a, b).ExtractMostSignificantBits();

    public static float Sum(Vector256<float> a) => Vector256.Sum(a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SumFour(Vector256<float> a, Vector256<float> b, Vector256<float> c, Vector256<float> d)
    {
        // In each half: (0 + 2) + (1 + 3) of each vector; then the halves.
        Vector256<float> ab = Avx.UnpackLow(a, b) + Avx.UnpackHigh(a, b), cd = Avx.UnpackLow(c, d) + Avx.UnpackHigh(c, d);
        Vector256<float> sums = Avx.Shuffle(ab, cd, 0x44) + Avx.Shuffle(ab, cd, 0xEE);
        return sums.GetLower() + sums.GetUpper();
    }

    public static float Largest(Vector256<float> a)
    {
        Vector128<float> quarter = Vector128.MaxNative(a.GetLower(), a.GetUpper());
        quarter = Vector128.MaxNative(quarter, Vector128.Shuffle(quarter, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MaxNative(quarter, Vector128.Shuffle(quarter, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    private static Vector256<float> PowerOfTwo(Vector256<int> n) => ((n + Vector256.Create(127)) << 23).AsSingle();

    private static Vector256<uint> Widen(ushort* source) => Avx2.ConvertToVector256Int32(source).AsUInt32();
}
