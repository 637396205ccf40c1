namespace MoeLora.Tensors.Cpu.Vectors;

/// <summary>
/// The float operations that all kernels need, on one width of vector, so that a kernel is written once and compiled for
/// each width: <c>static void Row&lt;L, V&gt;(…) where L : struct, ILanes&lt;V&gt; where V : struct</c>.
/// </summary>
/// <typeparam name="V">The vector: Vector256 or Vector512 of float.</typeparam>
internal interface ILanes<V> : IDenseLanes<V>
    where V : struct
{
    static abstract V Sub(V a, V b);

    static abstract V Div(V a, V b);

    /// <summary>c − a · b, rounded once.</summary>
    static abstract V FmaNegated(V a, V b, V c);

    static abstract V Negate(V a);

    static abstract V Abs(V a);

    static abstract V Sqrt(V a);

    /// <summary>The larger; where one is NaN, the answer is <paramref name="b"/> or NaN.</summary>
    static abstract V Max(V a, V b);

    /// <summary>The smaller; where one is NaN, the answer is <paramref name="b"/> or NaN.</summary>
    static abstract V Min(V a, V b);

    /// <summary>To the nearest integer, ties to even.</summary>
    static abstract V Round(V a);

    /// <summary>a · 2ⁿ for a near 1 and an integer n in [−150, 128]: denormal, zero or infinite where that is the result.</summary>
    static abstract V Scale(V a, V n);

    /// <summary>The first <paramref name="count"/> lanes of <paramref name="a"/>, and <paramref name="rest"/> in the others.</summary>
    static abstract V First(V a, int count, V rest);

    /// <summary><paramref name="a"/> where <paramref name="sign"/> is negative or −0, else <paramref name="b"/>.</summary>
    static abstract V BySign(V sign, V a, V b);

    /// <summary>Whether a lane is NaN.</summary>
    static abstract bool AnyNaN(V a);

    /// <summary>Bit i tells whether lane i of both is equal.</summary>
    static abstract ulong EqualMask(V a, V b);

    /// <summary>The largest lane; unspecified when one is NaN.</summary>
    static abstract float Largest(V a);
}
