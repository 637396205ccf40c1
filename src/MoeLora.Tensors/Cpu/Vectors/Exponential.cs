using System.Runtime.CompilerServices;

namespace MoeLora.Tensors.Cpu.Vectors;

/// <summary>e^x on vectors, within 2 ulp (denormal results within one of their steps), right for ±∞ and NaN.</summary>
internal static class Exponential
{
    // Past these e^x is infinite, or rounds to zero.
    private const float Highest = 89f;
    private const float Lowest = -104f;

    private const float Log2E = 1.44269504f;

    // ln 2 in two parts: the first has trailing zeros, so that its product with an exponent is exact.
    private const float Ln2High = 0.693359375f;
    private const float Ln2Low = -2.12194440e-4f;

    /// <summary>
    /// e^x = 2^n · e^r with n = round(x / ln 2) and |r| ≤ ln 2 / 2; e^r = 1 + r + r² · q(r), q a Chebyshev fit of degree 4
    /// (relative error 8e−9).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Exp<L, V>(V x)
        where L : struct, ILanes<V>
        where V : struct
    {
        // The constant first: a NaN passes through.
        V clamped = L.Max(L.Broadcast(Lowest), L.Min(L.Broadcast(Highest), x));
        V n = L.Round(L.Mul(clamped, L.Broadcast(Log2E)));
        V r = L.FmaNegated(n, L.Broadcast(Ln2High), clamped);
        r = L.FmaNegated(n, L.Broadcast(Ln2Low), r);

        V q = L.Broadcast(0.001392618359f);
        q = L.Fma(q, r, L.Broadcast(0.008363179053f));
        q = L.Fma(q, r, L.Broadcast(0.04166655462f));
        q = L.Fma(q, r, L.Broadcast(0.1666657699f));
        q = L.Fma(q, r, L.Broadcast(0.5f));
        V power = L.Add(L.Fma(L.Mul(r, r), q, r), L.Broadcast(1f));

        return L.Scale(power, n);
    }
}
