using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MoeLora.Tensors.Cpu.Vectors;

/// <summary>Eight binary16, as <see cref="Numerics.F16"/> defines them. .NET has no access to the processor's own conversion.</summary>
internal readonly struct F16Lanes : IHalfLanes
{
    private const int Rebias = (127 - 15) << 23; // from binary16's exponent bias to binary32's
    private const int Infinity = 0x7F800000;
    private const int HalfInfinity = 0x7C00;
    private const int HalfNaN = 0x7E00;
    private const int SmallestNormal = (127 - 14) << 23;
    private const int RoundsToInfinity = 0x477FF000; // 65520

    /// <summary>
    /// Normal numbers only need their exponent moved; subnormal ones are an integer times 2⁻²⁴; infinity and NaN need the exponent
    /// moved twice.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ToSingle(Vector256<uint> bits)
    {
        Vector256<int> magnitude = (bits & Vector256.Create(0x7FFFu)).AsInt32();
        Vector256<int> rebias = Vector256.Create(Rebias);
        Vector256<int> normal = (magnitude << 13) + rebias;
        normal += Vector256.GreaterThanOrEqual(magnitude, Vector256.Create(HalfInfinity)) & rebias;
        Vector256<int> subnormal = (Vector256.ConvertToSingle(magnitude) * Vector256.Create(1f / (1 << 24))).AsInt32();
        Vector256<int> isSubnormal = Vector256.LessThan(magnitude, Vector256.Create(0x400));
        Vector256<uint> sign = (bits ^ magnitude.AsUInt32()) << 16;
        return (Vector256.ConditionalSelect(isSubnormal, subnormal, normal).AsUInt32() | sign).AsSingle();
    }

    /// <summary>The same, sixteen at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ToSingle(Vector512<uint> bits)
    {
        Vector512<int> magnitude = (bits & Vector512.Create(0x7FFFu)).AsInt32();
        Vector512<int> rebias = Vector512.Create(Rebias);
        Vector512<int> normal = (magnitude << 13) + rebias;
        normal += Vector512.GreaterThanOrEqual(magnitude, Vector512.Create(HalfInfinity)) & rebias;
        Vector512<int> subnormal = (Vector512.ConvertToSingle(magnitude) * Vector512.Create(1f / (1 << 24))).AsInt32();
        Vector512<int> isSubnormal = Vector512.LessThan(magnitude, Vector512.Create(0x400));
        Vector512<uint> sign = (bits ^ magnitude.AsUInt32()) << 16;
        return (Vector512.ConditionalSelect(isSubnormal, subnormal, normal).AsUInt32() | sign).AsSingle();
    }

    /// <summary>
    /// Normal results: 13 bits are rounded away and the exponent moved; a carry ends in the exponent. Subnormal results: adding 0.5,
    /// whose last bit is worth 2⁻²⁴, makes the addition round.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> FromSingle(Vector256<float> value)
    {
        Vector256<uint> bits = value.AsUInt32();
        Vector256<int> magnitude = (bits & Vector256.Create(0x7FFFFFFFu)).AsInt32();
        Vector256<int> odd = (magnitude >> 13) & Vector256<int>.One;
        Vector256<int> normal = (magnitude + odd + Vector256.Create(0xFFF - Rebias)) >> 13;
        Vector256<float> half = Vector256.Create(0.5f);
        Vector256<int> subnormal = (magnitude.AsSingle() + half).AsInt32() - half.AsInt32();

        Vector256<int> result = Vector256.ConditionalSelect(Vector256.LessThan(magnitude, Vector256.Create(SmallestNormal)), subnormal, normal);
        result = Vector256.ConditionalSelect(
            Vector256.GreaterThanOrEqual(magnitude, Vector256.Create(RoundsToInfinity)), Vector256.Create(HalfInfinity), result);
        result = Vector256.ConditionalSelect(Vector256.GreaterThan(magnitude, Vector256.Create(Infinity)), Vector256.Create(HalfNaN), result);
        return result.AsUInt32() | ((bits >> 16) & Vector256.Create(0x8000u));
    }
}
