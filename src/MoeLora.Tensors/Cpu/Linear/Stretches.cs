namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>
/// How a sum of many terms is cut: a stretch is one chain of multiply-adds, and the stretches are added in order. The cut depends on the number of
/// terms alone, so that a result does not depend on how work is shared.
/// </summary>
internal static class Stretches
{
    /// <summary>The most terms in a stretch: as many as make a panel of two registers' width fill half of a first-level cache.</summary>
    public const int MaxDepth = 256;

    /// <summary>Terms of each stretch but the last, a multiple of 32.</summary>
    public static int Depth(int terms)
    {
        int stretches = (terms + MaxDepth - 1) / MaxDepth;
        return stretches == 0 ? 0 : ((terms + stretches - 1) / stretches + 31) & ~31;
    }
}
