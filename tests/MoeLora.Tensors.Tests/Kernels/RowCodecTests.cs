using MoeLora.Tensors.Cpu.Kernels;
using MoeLora.Tensors.Memory;

namespace MoeLora.Tensors.Tests.Kernels;

public unsafe class RowCodecTests
{
    private const int AllBits = 1 << 16;

    [Theory]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void Decode_EveryBitPattern_EqualsScalar(DType dtype)
    {
        ushort[] row = [.. Enumerable.Range(0, AllBits).Select(bits => (ushort)bits)];
        float[] expected = new float[AllBits], actual = new float[AllBits];
        fixed (ushort* source = row)
        fixed (float* e = expected, a = actual)
        {
            RowCodec.DecodeScalar((byte*)source, dtype, AllBits, e);
            RowCodec.Decode((byte*)source, dtype, AllBits, a);
        }
        // Equal as floats tells 0 from −0 no more than it should: compare bits but for NaN.
        for (int i = 0; i < AllBits; i++)
            Assert.True(SameBits(expected[i], actual[i]), $"{i:x4}: {actual[i]:R}, expected {expected[i]:R}");
    }

    [Theory]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void Encode_EveryNumberItsNeighboursAndMidpoints_EqualsScalar(DType dtype)
    {
        var values = new List<float> { float.MaxValue, float.MinValue, float.Epsilon, 65504, 65519.996f, 65520, 65536, 1e30f };
        for (int bits = 0; bits < AllBits - 1; bits++)
        {
            float value = dtype == DType.F16 ? (float)BitConverter.UInt16BitsToHalf((ushort)bits) : BitConverter.UInt32BitsToSingle((uint)bits << 16);
            float next = dtype == DType.F16 ? (float)BitConverter.UInt16BitsToHalf((ushort)(bits + 1)) : BitConverter.UInt32BitsToSingle((uint)(bits + 1) << 16);
            float middle = (float)(((double)value + next) / 2);
            values.AddRange([value, middle, MathF.BitIncrement(middle), MathF.BitDecrement(middle)]);
        }
        float[] source = [.. values];
        ushort[] expected = new ushort[source.Length], actual = new ushort[source.Length];
        fixed (float* s = source)
        fixed (ushort* e = expected, a = actual)
        {
            RowCodec.EncodeScalar(s, source.Length, dtype, (byte*)e);
            RowCodec.Encode(s, source.Length, dtype, (byte*)a);
        }
        for (int i = 0; i < source.Length; i++)
        {
            bool same = expected[i] == actual[i] || (float.IsNaN(source[i]) && IsNaN(dtype, actual[i]));
            Assert.True(same, $"{source[i]:R}: {actual[i]:x4}, expected {expected[i]:x4}");
        }
    }

    [Fact]
    public void Encode_Q8_StoresTheSameBytesAsScalar()
    {
        var random = new Random(5);
        foreach (int columns in Enumerable.Range(1, 100).Append(4865))
        {
            float[] source = new float[columns];
            for (int i = 0; i < columns; i++)
                source[i] = (random.NextSingle() - 0.5f) * MathF.Pow(10, random.Next(-44, 38));
            if (columns % 5 == 0)
                Array.Clear(source, 0, Math.Min(columns, 32)); // a block of zeros
            if (columns % 7 == 0)
                source[columns / 2] = columns % 2 == 0 ? float.NaN : float.NegativeInfinity;
            using NativeBuffer expected = new(Q8Format.RowStride(columns)), actual = new(Q8Format.RowStride(columns));
            fixed (float* s = source)
            {
                RowCodec.EncodeScalar(s, columns, DType.Q8, (byte*)expected.Pointer);
                RowCodec.Encode(s, columns, DType.Q8, (byte*)actual.Pointer);
            }
            Assert.True(
                new ReadOnlySpan<byte>(expected.Pointer, (int)expected.ByteCount).SequenceEqual(new(actual.Pointer, (int)actual.ByteCount)),
                $"{columns} columns");
        }
    }

    [Fact]
    public void Encode_Q8Ties_GoToEven()
    {
        // Scale 1 exactly: 127 · 1.
        float[] source = [127f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 126.5f, -126.5f];
        using NativeBuffer row = new(Q8Format.RowStride(source.Length));
        fixed (float* s = source)
            RowCodec.Encode(s, source.Length, DType.Q8, (byte*)row.Pointer);
        var quants = new ReadOnlySpan<sbyte>((sbyte*)row.Pointer + Q8Format.QuantOffset(source.Length), Q8Format.BlockSize);
        Assert.Equal([127, 0, 2, 2, 0, -2, 126, -126], quants[..8].ToArray());
        Assert.False(quants[8..].ContainsAnyExcept((sbyte)0));
        Assert.Equal(0x3F80, *(ushort*)row.Pointer);
    }

    private static bool SameBits(float a, float b)
        => BitConverter.SingleToInt32Bits(a) == BitConverter.SingleToInt32Bits(b) || (float.IsNaN(a) && float.IsNaN(b));

    private static bool IsNaN(DType dtype, ushort bits)
        => dtype == DType.F16 ? Half.IsNaN(BitConverter.UInt16BitsToHalf(bits)) : float.IsNaN(BitConverter.UInt32BitsToSingle((uint)bits << 16));
}
