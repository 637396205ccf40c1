using System.Runtime.Intrinsics;

namespace MoeLora.Tensors.Cpu.Vectors;

/// <summary>
/// Between eight floats and eight numbers of a 16-bit format, which are in the low halves of 32-bit lanes (the upper halves zero).
/// Rounds to nearest even, keeps a NaN a NaN, overflows to infinity.
/// </summary>
internal interface IHalfLanes
{
    static abstract Vector256<float> ToSingle(Vector256<uint> bits);

    static abstract Vector256<uint> FromSingle(Vector256<float> value);
}
