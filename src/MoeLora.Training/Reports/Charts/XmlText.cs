using System.Text;

namespace MoeLora.Training.Reports.Charts;

/// <summary>Texts of data inside SVG and HTML.</summary>
internal static class XmlText
{
    /// <summary>The text with markup escaped, fit for content and for attributes in double quotes. What XML cannot hold becomes U+FFFD.</summary>
    public static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes()) // half a surrogate pair comes as U+FFFD
        {
            string? entity = rune.Value switch
            {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\'' => "&#39;",
                < ' ' and not ('\t' or '\n' or '\r') or 0x7F or 0xFFFE or 0xFFFF => "\uFFFD",
                _ => null,
            };
            escaped.Append(entity ?? rune.ToString());
        }

        return escaped.ToString();
    }

    /// <summary>About how wide a text is, in units of the font's size: Chinese characters are one wide, others a little over half.</summary>
    public static double Width(string text) => text.EnumerateRunes().Sum(rune => rune.Value < 0x2E80 ? 0.56 : 1.0);

    /// <summary>The text cut to a width, with an ellipsis where something is missing.</summary>
    public static string Fit(string text, double width)
    {
        if (Width(text) <= width)
            return text;
        var cut = new StringBuilder();
        double used = Width("…");
        foreach (Rune rune in text.EnumerateRunes())
        {
            used += Width(rune.ToString());
            if (used > width)
                break;
            cut.Append(rune.ToString());
        }

        return cut.Append('…').ToString();
    }
}
