using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MoeLora.Tensors.Cpu.Vectors;

/// <summary>Eight bfloat16, as <see cref="Numerics.Bf16"/> defines them.</summary>
internal readonly struct Bf16Lanes : IHalfLanes
{
    private const uint QuietNaN = 0x00400000;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ToSingle(Vector256<uint> bits) => (bits << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ToSingle(Vector512<uint> bits) => (bits << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> FromSingle(Vector256<float> value)
    {
        Vector256<uint> bits = value.AsUInt32();
        Vector256<uint> rounded = bits + Vector256.Create(0x7FFFu) + ((bits >> 16) & Vector256<uint>.One);
        Vector256<uint> isNumber = Vector256.Equals(value, value).AsUInt32();
        return Vector256.ConditionalSelect(isNumber, rounded, bits | Vector256.Create(QuietNaN)) >> 16;
    }
}
