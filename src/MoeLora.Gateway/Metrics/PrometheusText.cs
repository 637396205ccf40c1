using System.Globalization;
using System.Text;

namespace MoeLora.Gateway.Metrics;

/// <summary>Writes series as Prometheus reads them: its text format 0.0.4, or OpenMetrics 1.0.</summary>
internal static class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";
    public const string OpenMetricsContentType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    public static string Write(IEnumerable<Family> families, bool openMetrics)
    {
        var text = new StringBuilder();
        foreach (Family family in families)
            WriteFamily(text, family, openMetrics);
        if (openMetrics)
            text.Append("# EOF\n");
        return text.ToString();
    }

    private static void WriteFamily(StringBuilder text, Family family, bool openMetrics)
    {
        Series[] series = [.. family.Series];
        if (series.Length == 0)
            return;
        string name = NameOf(family);
        bool counter = family.Kind == FamilyKind.Counter;
        string sample = counter ? name + "_total" : name;
        string described = openMetrics ? name : sample; // only OpenMetrics names a counter without its ending
        if (family.Description is { } description)
            text.Append("# HELP ").Append(described).Append(' ').Append(Escape(description, quotes: openMetrics)).Append('\n');
        text.Append("# TYPE ").Append(described).Append(' ').Append(family.Kind switch
        {
            FamilyKind.Counter => "counter",
            FamilyKind.Histogram => "histogram",
            _ => "gauge",
        }).Append('\n');
        foreach (Series one in series)
        {
            (double value, long[] buckets) = one.Read();
            if (family.Kind != FamilyKind.Histogram)
            {
                WriteSample(text, sample, one, null, value);
                continue;
            }

            long count = 0;
            for (int i = 0; i < buckets.Length; i++)
            {
                count += buckets[i];
                WriteSample(text, name + "_bucket", one, i < family.Bounds.Count ? Number(family.Bounds[i]) : "+Inf", count);
            }

            WriteSample(text, name + "_sum", one, null, value);
            WriteSample(text, name + "_count", one, null, count);
        }
    }

    /// <summary>A name of letters, digits and underscores that ends in its unit, as Prometheus wants it.</summary>
    private static string NameOf(Family family)
    {
        string name = string.Create(family.Name.Length, family.Name, static (target, source) =>
        {
            for (int i = 0; i < source.Length; i++)
                target[i] = char.IsAsciiLetterOrDigit(source[i]) ? source[i] : '_';
        });
        return family.Unit switch
        {
            "s" => name + "_seconds",
            "By" => name + "_bytes",
            _ => name,
        };
    }

    private static void WriteSample(StringBuilder text, string name, Series series, string? bound, double value)
    {
        text.Append(name);
        char opening = '{';
        foreach ((string label, string content) in series.Labels)
        {
            text.Append(opening).Append(label).Append("=\"").Append(Escape(content, quotes: true)).Append('"');
            opening = ',';
        }

        if (bound is not null)
        {
            text.Append(opening).Append("le=\"").Append(bound).Append('"');
            opening = ',';
        }

        if (opening == ',')
            text.Append('}');
        text.Append(' ').Append(Number(value)).Append('\n');
    }

    private static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        double.NaN => "NaN",
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };

    private static string Escape(string text, bool quotes)
    {
        text = text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
        return quotes ? text.Replace("\"", "\\\"", StringComparison.Ordinal) : text;
    }
}
