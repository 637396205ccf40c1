using System.Numerics;
using System.Runtime.Intrinsics;
using MoeLora.Tensors;

namespace MoeLora.Models.Architectures;

/// <summary>Finds weights that are NaN, infinite, or would become infinite in the dtype that they are kept in.</summary>
/// <remarks>The magnitude of an IEEE 754 number without its sign bit orders as an unsigned integer, so the check is one maximum over the bits.</remarks>
internal static class RangeCheck
{
    /// <summary>True when every element is finite and stays so in <paramref name="target"/>.</summary>
    public static unsafe bool Fits(TensorView view, DType target)
    {
        int count = checked(view.Rows * view.Columns);
        return view.DType switch
        {
            DType.F32 => AllBelow(new ReadOnlySpan<uint>(view.Data, count), 0x7FFFFFFFu, target switch
            {
                DType.F16 => BitConverter.SingleToUInt32Bits(65520f), // rounds to infinity from here on
                DType.BF16 => 0x7F7F8000u, // halfway between the largest bfloat16 and 2^128
                _ => 0x7F800000u,
            }),
            DType.BF16 => AllBelow(new ReadOnlySpan<ushort>(view.Data, count), (ushort)0x7FFF, target == DType.F16 ? (ushort)0x4780 : (ushort)0x7F80),
            DType.F16 => AllBelow(new ReadOnlySpan<ushort>(view.Data, count), (ushort)0x7FFF, (ushort)0x7C00),
            _ => throw new ArgumentException($"{view.DType.Name()} is not a dense format.", nameof(view)),
        };
    }

    private static bool AllBelow<T>(ReadOnlySpan<T> bits, T magnitude, T limit)
        where T : unmanaged, IBinaryInteger<T>
    {
        Vector256<T> mask = Vector256.Create(magnitude), largest = Vector256<T>.Zero;
        int i = 0;
        for (; i <= bits.Length - Vector256<T>.Count; i += Vector256<T>.Count)
            largest = Vector256.Max(largest, Vector256.Create(bits[i..]) & mask);
        if (Vector256.GreaterThanOrEqualAny(largest, Vector256.Create(limit)))
            return false;
        for (; i < bits.Length; i++)
        {
            if ((bits[i] & magnitude) >= limit)
                return false;
        }
        return true;
    }
}
