namespace MoeLora.Tensors.Numerics;

/// <summary>One block of <see cref="Q8Format"/>, element by element: the definition that the vector version must equal bit for bit.</summary>
public static unsafe class Q8Block
{
    /// <summary>
    /// Quantises <paramref name="count"/> ≤ 32 elements; the quants past them become zero. A block that holds a NaN or an
    /// infinity gets a NaN scale, so that it cannot be taken for numbers.
    /// </summary>
    /// <returns>The scale, bfloat16.</returns>
    public static ushort Quantise(float* source, int count, sbyte* quants)
    {
        float largest = 0;
        bool finite = true;
        for (int i = 0; i < count; i++)
        {
            finite &= float.IsFinite(source[i]);
            largest = MathF.Max(largest, MathF.Abs(source[i]));
        }
        ushort scaleBits = finite ? ScaleFor(largest) : Bf16.FromSingle(float.NaN);
        float scale = Bf16.ToSingle(scaleBits);
        for (int i = 0; i < Q8Format.BlockSize; i++)
            quants[i] = i < count && finite && scale > 0 ? (sbyte)MathF.Round(source[i] / scale, MidpointRounding.ToEven) : (sbyte)0;
        return scaleBits;
    }

    /// <summary>max|w| / 127, rounded up to a bfloat16; never zero for a positive maximum.</summary>
    public static ushort ScaleFor(float largest)
    {
        if (largest == 0)
            return 0;
        uint bits = BitConverter.SingleToUInt32Bits(largest / 127);
        return (ushort)Math.Max((bits + 0xFFFF) >> 16, 1);
    }

    /// <summary>Writes <paramref name="count"/> ≤ 32 elements.</summary>
    public static void Dequantise(ushort scaleBits, sbyte* quants, int count, float* destination)
    {
        float scale = Bf16.ToSingle(scaleBits);
        for (int i = 0; i < count; i++)
            destination[i] = quants[i] * scale;
    }
}
