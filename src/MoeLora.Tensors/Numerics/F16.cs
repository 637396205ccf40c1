namespace MoeLora.Tensors.Numerics;

/// <summary>IEEE 754 binary16 as its 16 bits.</summary>
public static class F16
{
    /// <summary>The exact value.</summary>
    public static float ToSingle(ushort bits) => (float)BitConverter.UInt16BitsToHalf(bits);

    /// <summary>Rounds to nearest, ties to even. A NaN stays a NaN, an overflow becomes infinity.</summary>
    public static ushort FromSingle(float value) => BitConverter.HalfToUInt16Bits((Half)value);
}
