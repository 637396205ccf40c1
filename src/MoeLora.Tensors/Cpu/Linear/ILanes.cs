namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>
/// A vector register of floats. The dense kernels are written once over it; the widths are <see cref="Lanes512"/>, <see cref="Lanes256"/>
/// and <see cref="LanesScalar"/>, and the JIT compiles each kernel for each width as if it had been written for it.
/// </summary>
internal unsafe interface ILanes<TSelf>
    where TSelf : struct, ILanes<TSelf>
{
    /// <summary>Floats in a register; divides 16.</summary>
    static abstract int Count { get; }

    /// <summary>All zeros.</summary>
    static abstract TSelf Zero { get; }

    /// <summary>Reads <see cref="Count"/> floats, unaligned.</summary>
    static abstract TSelf Load(float* source);

    /// <summary>Reads and widens bfloat16.</summary>
    static abstract TSelf LoadBF16(ushort* source);

    /// <summary>Reads and widens binary16, exactly (subnormals, infinities and NaN included).</summary>
    static abstract TSelf LoadF16(ushort* source);

    /// <summary>Reads and converts signed bytes.</summary>
    static abstract TSelf LoadI8(sbyte* source);

    /// <summary>One value in every lane.</summary>
    static abstract TSelf Broadcast(float value);

    /// <summary>a · b + c with one rounding.</summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf c);

    /// <summary>a · b.</summary>
    static abstract TSelf Multiply(TSelf a, TSelf b);

    /// <summary>Writes <see cref="Count"/> floats, unaligned.</summary>
    static abstract void Store(TSelf value, float* destination);

    /// <summary>The sum of all lanes, in an order that depends on the width only.</summary>
    static abstract float Sum(TSelf value);
}
