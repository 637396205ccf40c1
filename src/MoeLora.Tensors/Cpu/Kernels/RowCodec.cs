using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Vectors;
using MoeLora.Tensors.Numerics;

namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>
/// Conversion of one row between F32 and a stored format, rounding to nearest even. A Q8 row is laid out as <see cref="Q8Format"/> says.
/// Exactly the row's elements are read and written; padding is not touched, but that of a last Q8 block, which becomes zero.
/// </summary>
internal static unsafe class RowCodec
{
    private const int Block = Q8Format.BlockSize;

    // Elements that go through the stack at a time; whole Q8 blocks.
    private const int Segment = 1024;

    /// <summary>Stored row → F32, element by element.</summary>
    public static void DecodeScalar(byte* row, DType dtype, int columns, float* destination)
    {
        switch (dtype)
        {
            case DType.F32:
                Copy((float*)row, destination, columns);
                break;
            case DType.F16:
                for (int i = 0; i < columns; i++)
                    destination[i] = F16.ToSingle(((ushort*)row)[i]);
                break;
            case DType.BF16:
                for (int i = 0; i < columns; i++)
                    destination[i] = Bf16.ToSingle(((ushort*)row)[i]);
                break;
            default:
                sbyte* quants = (sbyte*)(row + Q8Format.QuantOffset(columns));
                for (int i = 0; i < columns; i += Block)
                    Q8Block.Dequantise(((ushort*)row)[i / Block], quants + i, Math.Min(columns - i, Block), destination + i);
                break;
        }
    }

    /// <summary>F32 → stored row, element by element.</summary>
    public static void EncodeScalar(float* source, int columns, DType dtype, byte* row)
    {
        switch (dtype)
        {
            case DType.F32:
                Copy(source, (float*)row, columns);
                break;
            case DType.F16:
                for (int i = 0; i < columns; i++)
                    ((ushort*)row)[i] = F16.FromSingle(source[i]);
                break;
            case DType.BF16:
                for (int i = 0; i < columns; i++)
                    ((ushort*)row)[i] = Bf16.FromSingle(source[i]);
                break;
            default:
                sbyte* quants = (sbyte*)(row + Q8Format.QuantOffset(columns));
                for (int i = 0; i < columns; i += Block)
                    ((ushort*)row)[i / Block] = Q8Block.Quantise(source + i, Math.Min(columns - i, Block), quants + i);
                break;
        }
    }

    /// <summary>Stored row → F32.</summary>
    public static void Decode(byte* row, DType dtype, int columns, float* destination)
    {
        switch (dtype)
        {
            case DType.F32:
                Copy((float*)row, destination, columns);
                break;
            case DType.F16:
                DecodeHalf<F16Lanes>((ushort*)row, columns, destination);
                break;
            case DType.BF16:
                DecodeHalf<Bf16Lanes>((ushort*)row, columns, destination);
                break;
            default:
                DecodeQ8((ushort*)row, (sbyte*)(row + Q8Format.QuantOffset(columns)), columns, destination);
                break;
        }
    }

    /// <summary>F32 → stored row.</summary>
    public static void Encode(float* source, int columns, DType dtype, byte* row)
        => EncodeSegment(source, columns, dtype, row, 0, columns);

    /// <summary>Dense elements of one format → stored row of another or the same.</summary>
    public static void Convert(byte* source, DType from, int columns, byte* row, DType to)
    {
        if (from == to)
        {
            long bytes = from.ByteCount(columns);
            Buffer.MemoryCopy(source, row, bytes, bytes);
            return;
        }
        float* values = stackalloc float[Segment];
        for (int start = 0; start < columns; start += Segment)
        {
            int count = Math.Min(columns - start, Segment);
            Decode(source + from.ByteCount(start), from, count, values);
            EncodeSegment(values, count, to, row, start, columns);
        }
    }

    /// <summary>Elements [<paramref name="start"/>, start + count) of a row; start is a multiple of 32.</summary>
    private static void EncodeSegment(float* source, int count, DType dtype, byte* row, int start, int columns)
    {
        switch (dtype)
        {
            case DType.F32:
                Copy(source, (float*)row + start, count);
                break;
            case DType.F16:
                EncodeHalf<F16Lanes>(source, count, (ushort*)row + start);
                break;
            case DType.BF16:
                EncodeHalf<Bf16Lanes>(source, count, (ushort*)row + start);
                break;
            default:
                EncodeQ8(source, count, (ushort*)row + start / Block, (sbyte*)(row + Q8Format.QuantOffset(columns)) + start);
                break;
        }
    }

    private static void DecodeHalf<H>(ushort* source, int count, float* destination)
        where H : struct, IHalfLanes
    {
        int i = 0;
        for (; i + 16 <= count; i += 16)
        {
            (Vector256<uint> low, Vector256<uint> high) = Vector256.Widen(Vector256.Load(source + i));
            H.ToSingle(low).Store(destination + i);
            H.ToSingle(high).Store(destination + i + 8);
        }
        for (; i < count; i++)
            destination[i] = H.ToSingle(Vector256.CreateScalar((uint)source[i])).ToScalar();
    }

    private static void EncodeHalf<H>(float* source, int count, ushort* destination)
        where H : struct, IHalfLanes
    {
        int i = 0;
        for (; i + 16 <= count; i += 16)
            Vector256.Narrow(H.FromSingle(Vector256.Load(source + i)), H.FromSingle(Vector256.Load(source + i + 8))).Store(destination + i);
        for (; i < count; i++)
            destination[i] = (ushort)H.FromSingle(Vector256.CreateScalar(source[i])).ToScalar();
    }

    private static void DecodeQ8(ushort* scales, sbyte* quants, int count, float* destination)
    {
        int i = 0;
        for (; i + Block <= count; i += Block)
            Q8Codec.Dequantise(scales[i / Block], quants + i, destination + i);
        if (i < count)
            Q8Block.Dequantise(scales[i / Block], quants + i, count - i, destination + i);
    }

    private static void EncodeQ8(float* source, int count, ushort* scales, sbyte* quants)
    {
        int i = 0;
        for (; i + Block <= count; i += Block)
            scales[i / Block] = Q8Codec.Quantise(source + i, quants + i);
        if (i < count)
            scales[i / Block] = Q8Block.Quantise(source + i, count - i, quants + i);
    }

    private static void Copy(float* source, float* destination, int count)
        => Buffer.MemoryCopy(source, destination, (long)count * sizeof(float), (long)count * sizeof(float));
}
