namespace MoeLora.Tensors.Numerics;

/// <summary>The error function in double precision, which .NET does not have.</summary>
internal static class ErrorFunction
{
    private const double TwoOverSqrtPi = 1.12837916709551257390;

    /// <summary>
    /// erf(x) = 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (2n+1)!! (Abramowitz and Stegun 7.1.6): all terms have one sign,
    /// so nothing cancels. Past |x| = 6 it is ±1 to the last bit.
    /// </summary>
    public static double Erf(double x)
    {
        if (double.IsNaN(x))
            return x;
        if (Math.Abs(x) >= 6)
            return Math.Sign(x);
        double term = x, sum = x;
        for (int n = 1; Math.Abs(term) > Math.Abs(sum) * 1e-17; n++)
        {
            term *= 2 * x * x / (2 * n + 1);
            sum += term;
        }
        return TwoOverSqrtPi * Math.Exp(-x * x) * sum;
    }
}
