using System.Globalization;
using MoeLora.Training.Reports.Statistics;

namespace MoeLora.Training.Reports.Documents;

/// <summary>Numbers of reports, in the invariant culture; what was not measured is a dash.</summary>
internal static class ReportNumber
{
    public const string Missing = "–";

    /// <summary>A score, with four decimals.</summary>
    public static string Score(double score) => score.ToString("0.0000", CultureInfo.InvariantCulture);

    /// <summary>A difference of scores, with its sign.</summary>
    public static string Difference(double difference) => difference.ToString("+0.0000;−0.0000;0.0000", CultureInfo.InvariantCulture);

    /// <summary>A mean score and, where there are several, its standard deviation.</summary>
    public static string Spread(SampleStatistics statistics) =>
        statistics.Deviation is { } deviation ? $"{Score(statistics.Mean)} ± {Score(deviation)}" : Score(statistics.Mean);

    /// <summary>A measured quantity in four digits, or all digits before the point.</summary>
    public static string Quantity(double? value)
    {
        if (value is not { } number)
            return Missing;
        double size = Math.Abs(number);
        if (!double.IsFinite(number))
            return number.ToString(CultureInfo.InvariantCulture);
        if (size is > 0 and < 1e-3)
            return number.ToString("0.000e0", CultureInfo.InvariantCulture).Replace('-', '−');
        int decimals = size == 0 ? 0 : Math.Clamp(3 - (int)Math.Floor(Math.Log10(size)), 0, 6);
        return number.ToString($"#,##0.{new string('0', decimals)}", CultureInfo.InvariantCulture).Replace('-', '−');
    }

    /// <summary>A whole number with its thousands apart.</summary>
    public static string Count(double? count) => count?.ToString("#,##0", CultureInfo.InvariantCulture) ?? Missing;

    /// <summary>A probability.</summary>
    public static string Probability(double? p) => p is null ? Missing : p < 0.0001 ? "< 0.0001" : Score(p.Value);

    /// <summary>1st, 2nd, 3rd, 4th …</summary>
    public static string Ordinal(int number) => (number % 100 is 11 or 12 or 13 ? 0 : number % 10) switch
    {
        1 => $"{number}st",
        2 => $"{number}nd",
        3 => $"{number}rd",
        _ => $"{number}th",
    };
}
