using System.Runtime.Intrinsics;

namespace MoeLora.Tensors.Cpu.Vectors;

/// <summary>
/// What the dense kernels need of a width of vector: reading weights of every format, and multiply-adds. It also has a width of one, which
/// works on every processor and is the oracle of the others.
/// </summary>
/// <typeparam name="V">The vector: float, or Vector256 or Vector512 of it.</typeparam>
internal unsafe interface IDenseLanes<V>
    where V : struct
{
    /// <summary>Floats in a vector; divides 16.</summary>
    static abstract int Width { get; }

    static abstract V Zero { get; }

    static abstract V Broadcast(float value);

    /// <summary>Reads floats, unaligned.</summary>
    static abstract V Load(float* source);

    /// <summary>Reads and widens bfloat16.</summary>
    static abstract V LoadBF16(ushort* source);

    /// <summary>Reads and widens binary16, exactly (subnormals, infinities and NaN included).</summary>
    static abstract V LoadF16(ushort* source);

    /// <summary>Reads and converts signed bytes.</summary>
    static abstract V LoadI8(sbyte* source);

    static abstract void Store(float* destination, V value);

    static abstract V Add(V a, V b);

    static abstract V Mul(V a, V b);

    /// <summary>a · b + c, rounded once.</summary>
    static abstract V Fma(V a, V b, V c);

    /// <summary>The sum of all lanes, in an order that depends on the width only.</summary>
    static abstract float Sum(V a);

    /// <summary>
    /// The sums of four vectors side by side, for less than four times <see cref="Sum"/>. Their order depends on the width only, and is the same at each of the four places;
    /// it is not that of <see cref="Sum"/>.
    /// </summary>
    static abstract Vector128<float> SumFour(V a, V b, V c, V d);
}
