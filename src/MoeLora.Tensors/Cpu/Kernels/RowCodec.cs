using MoeLora.Tensors.Numerics;

namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>Conversion of one row between F32 and a stored format. A Q8 row is laid out as <see cref="Q8Format"/> says; its padding is not touched.</summary>
internal static unsafe class RowCodec
{
    /// <summary>Stored row → F32, element by element.</summary>
    public static void DecodeScalar(byte* row, DType dtype, int columns, float* destination)
    {
        switch (dtype)
        {
            case DType.F32:
                new ReadOnlySpan<float>(row, columns).CopyTo(new Span<float>(destination, columns));
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
                for (int start = 0, block = 0; start < columns; start += Q8Format.BlockSize, block++)
                    Q8Block.Dequantise(((ushort*)row)[block], quants + start, Math.Min(columns - start, Q8Format.BlockSize), destination + start);
                break;
        }
    }

    /// <summary>F32 → stored row, element by element, rounding to nearest even.</summary>
    public static void EncodeScalar(float* source, int columns, DType dtype, byte* row)
    {
        switch (dtype)
        {
            case DType.F32:
                new ReadOnlySpan<float>(source, columns).CopyTo(new Span<float>(row, columns));
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
                for (int start = 0, block = 0; start < columns; start += Q8Format.BlockSize, block++)
                    ((ushort*)row)[block] = Q8Block.Quantise(source + start, Math.Min(columns - start, Q8Format.BlockSize), quants + start);
                break;
        }
    }
}
