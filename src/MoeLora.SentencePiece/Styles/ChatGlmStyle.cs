using System.Globalization;
using System.Text;

namespace MoeLora.SentencePiece.Styles;

/// <summary>
/// ChatGLM-6B: newlines, tabs and runs of spaces have pieces of their own, [gMASK] and &lt;sop&gt; follow a text. Its first release kept the ids below 20,000 for images.
/// </summary>
/// <param name="offset">The id of the first piece.</param>
/// <param name="mask">The id of [MASK].</param>
/// <param name="generalMask">The id of [gMASK].</param>
/// <param name="start">The id of &lt;sop&gt;.</param>
internal sealed class ChatGlmStyle(int offset, int mask, int generalMask, int start) : ITextStyle
{
    public const string Mask = "[MASK]";
    public const string GeneralMask = "[gMASK]";
    public const string Start = "<sop>";
    private const string Newline = "<n>";
    private const string Tab = "<|tab|>";
    private const int MostSpaces = 80;

    private static readonly Dictionary<string, string> Texts = Enumerable.Range(2, MostSpaces - 1)
        .ToDictionary(Spaces, count => new string(' ', count))
        .Append(new(Newline, "\n"))
        .Append(new(Tab, "\t"))
        .ToDictionary();

    /// <summary>Pieces that the model must have for newlines, tabs and spaces.</summary>
    public static IEnumerable<string> Whitespace => Texts.Keys;

    public int Offset => offset;

    public string Prepare(string text)
    {
        var prepared = new StringBuilder(text.Length);
        for (int at = 0, length; at < text.Length; at += length)
        {
            length = Math.Min(Math.Max(1, text.AsSpan(at).IndexOfAnyExcept(' ') is var end && end < 0 ? text.Length - at : end), MostSpaces);
            _ = text[at] switch
            {
                '\n' => prepared.Append(Newline),
                '\t' => prepared.Append(Tab),
                ' ' when length > 1 => prepared.Append(Spaces(length)),
                var other => prepared.Append(other),
            };
        }

        return prepared.ToString();
    }

    public void Complete(List<int> ids)
    {
        // A text that asks for a blank itself gets no second one.
        if (!ids.Contains(mask) && !ids.Contains(generalMask))
            ids.Add(generalMask);
        ids.Add(start);
    }

    public string? TextOf(string piece) => Texts.GetValueOrDefault(piece);

    private static string Spaces(int count) => string.Create(CultureInfo.InvariantCulture, $"<|blank_{count}|>");
}
