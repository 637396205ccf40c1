using MoeLora.Tensors;

namespace MoeLora.Models.Checkpoints;

/// <summary>The element kinds that the safetensors format names.</summary>
/// <param name="Name">As in a header.</param>
/// <param name="Bits">Bits of one element.</param>
/// <param name="DType">The kind that weights can have here, if it is one.</param>
internal sealed record SafetensorsDType(string Name, int Bits, DType? DType = null)
{
    private static readonly SafetensorsDType[] All =
    [
        new("F32", 32, Tensors.DType.F32),
        new("BF16", 16, Tensors.DType.BF16),
        new("F16", 16, Tensors.DType.F16),
        new("F64", 64),
        new("C64", 64),
        new("I64", 64),
        new("U64", 64),
        new("I32", 32),
        new("U32", 32),
        new("I16", 16),
        new("U16", 16),
        new("I8", 8),
        new("U8", 8),
        new("BOOL", 8),
        new("F8_E4M3", 8),
        new("F8_E5M2", 8),
        new("F8_E8M0", 8),
        new("F6_E2M3", 6),
        new("F6_E3M2", 6),
        new("F4", 4),
    ];

    /// <summary>The kind that a header names, or null when the format has none of that name.</summary>
    public static SafetensorsDType? Find(string name) => Array.Find(All, kind => kind.Name == name);

    /// <summary>The kind's place in a file that is sorted as the format's own library sorts: wide elements first, so that all are aligned.</summary>
    public static int Order(DType dtype) => Array.FindIndex(All, kind => kind.DType == dtype);

    /// <summary>The name of a kind that weights can have.</summary>
    public static string NameOf(DType dtype) => Array.Find(All, kind => kind.DType == dtype)?.Name
        ?? throw new ArgumentException($"Safetensors cannot hold {dtype.Name()} elements.", nameof(dtype));
}
