namespace MoeLora.Tensors.Numerics;

/// <summary>bfloat16, the upper half of a binary32, as its 16 bits.</summary>
public static class Bf16
{
    /// <summary>The exact value.</summary>
    public static float ToSingle(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    /// <summary>Rounds to nearest, ties to even. A NaN stays a NaN (made quiet), an overflow becomes infinity.</summary>
    public static ushort FromSingle(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value))
            return (ushort)((bits >> 16) | 0x40);
        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
