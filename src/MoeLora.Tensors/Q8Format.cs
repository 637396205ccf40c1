namespace MoeLora.Tensors;

/// <summary>
/// The 8-bit weight format: a row of K elements is ceil(K / 32) blocks. In memory a row is its block scales
/// (bfloat16, padded to a multiple of 64 bytes), then its quants (sbyte, padded to whole blocks), then padding to
/// a multiple of 64 bytes, so that a whole matrix is one forward stream. Element k is quant[k] · scale[k / 32].
/// </summary>
/// <remarks>
/// The scale is max|w| / 127 rounded up to a bfloat16, and the quants are rounded to nearest even against that rounded
/// scale: the error of an element is at most half the stored scale, and no quant leaves [-127, 127].
/// A block of zeros has scale zero. Padding quants are zero.
/// </remarks>
public static class Q8Format
{
    /// <summary>Elements that share a scale.</summary>
    public const int BlockSize = 32;

    /// <summary>log2 of <see cref="BlockSize"/>.</summary>
    internal const int BlockShift = 5;

    /// <summary>Bytes of one stored scale (bfloat16).</summary>
    public const int ScaleBytes = 2;

    /// <summary>Blocks in a row of <paramref name="columns"/> elements.</summary>
    public static int BlockCount(int columns) => (columns + BlockSize - 1) / BlockSize;

    /// <summary>Bytes from a row's start to its first quant: the scales, padded to a multiple of 64.</summary>
    public static int QuantOffset(int columns) => (BlockCount(columns) * ScaleBytes + 63) & ~63;

    /// <summary>Bytes from one row to the next, a multiple of 64.</summary>
    public static long RowStride(int columns) => (QuantOffset(columns) + (long)BlockCount(columns) * BlockSize + 63) & ~63L;
}
