namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>Bit patterns for widening binary16 with integer operations (.NET has no vector conversion for it).</summary>
internal static class Half16
{
    public const uint SignMask = 0x8000;
    public const uint MagnitudeMask = 0x7fff;
    public const uint SmallestNormal = 0x0400;
    public const uint Infinity = 0x7c00;

    /// <summary>The difference of the exponent biases (127 − 15) at binary32's exponent.</summary>
    public const uint Rebias = 112u << 23;

    /// <summary>2^−14 as binary32 bits: adding it in the integer and taking it away in the float normalises a subnormal exactly.</summary>
    public const uint SubnormalBias = 113u << 23;
}
