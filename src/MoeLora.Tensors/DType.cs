namespace MoeLora.Tensors;

/// <summary>How a tensor's elements are stored.</summary>
public enum DType : byte
{
    /// <summary>IEEE 754 binary32, 4 bytes.</summary>
    F32,

    /// <summary>IEEE 754 binary16, 2 bytes.</summary>
    F16,

    /// <summary>The upper 16 bits of a binary32, 2 bytes.</summary>
    BF16,

    /// <summary>Signed bytes in blocks of 32 with one bfloat16 scale each, see <see cref="Q8Format"/>; 34 bytes per 32 elements.</summary>
    Q8,
}

/// <summary>Sizes and names of <see cref="DType"/>.</summary>
public static class DTypes
{
    /// <summary>Bytes that <paramref name="elements"/> take, without row padding. Q8 counts whole blocks of 32.</summary>
    public static long ByteCount(this DType dtype, long elements) => dtype switch
    {
        DType.F32 => checked(elements * 4),
        DType.F16 or DType.BF16 => checked(elements * 2),
        DType.Q8 => checked((elements + Q8Format.BlockSize - 1) / Q8Format.BlockSize * (Q8Format.BlockSize + Q8Format.ScaleBytes)),
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "Unknown dtype."),
    };

    /// <summary>The lower-case name used on command lines and in reports: f32, f16, bf16, q8.</summary>
    public static string Name(this DType dtype) => dtype switch
    {
        DType.F32 => "f32",
        DType.F16 => "f16",
        DType.BF16 => "bf16",
        DType.Q8 => "q8",
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "Unknown dtype."),
    };

    /// <summary>Reads a name written by <see cref="Name"/>, case-insensitively.</summary>
    /// <exception cref="FormatException">The name is not one of f32, f16, bf16, q8.</exception>
    public static DType Parse(string name) => name.ToLowerInvariant() switch
    {
        "f32" => DType.F32,
        "f16" => DType.F16,
        "bf16" => DType.BF16,
        "q8" => DType.Q8,
        _ => throw new FormatException($"'{name}' is not a weight format; use f32, f16, bf16 or q8."),
    };
}
