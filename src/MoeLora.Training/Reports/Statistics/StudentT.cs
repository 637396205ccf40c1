namespace MoeLora.Training.Reports.Statistics;

/// <summary>Student's t distribution.</summary>
internal static class StudentT
{
    /// <summary>
    /// The probability of a value at least as far from zero as <paramref name="t"/>, by the finite sums for whole degrees of freedom
    /// (Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4).
    /// </summary>
    public static double TwoSidedProbability(double t, int degreesOfFreedom)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(degreesOfFreedom, 1);
        double angle = Math.Atan(Math.Abs(t) / Math.Sqrt(degreesOfFreedom));
        double cosine = Math.Cos(angle), square = cosine * cosine;
        bool isOdd = degreesOfFreedom % 2 == 1;

        // cos θ + (2/3) cos³ θ + (2·4)/(3·5) cos⁵ θ + … for odd degrees, 1 + (1/2) cos² θ + (1·3)/(2·4) cos⁴ θ + … for even ones.
        double term = isOdd ? cosine : 1, sum = 0;
        for (int power = isOdd ? 1 : 0; power <= degreesOfFreedom - 2; power += 2)
        {
            sum += term;
            term *= square * (power + 1) / (power + 2);
        }

        double inside = isOdd ? 2 / Math.PI * (angle + (Math.Sin(angle) * sum)) : Math.Sin(angle) * sum;
        return Math.Clamp(1 - inside, 0, 1);
    }
}
