using System.Globalization;
using System.Text;

namespace MoeLora.Training.Reports.Documents;

/// <summary>
/// A table as CSV (RFC 4180), numbers with all their digits. A text that a spreadsheet would take for a formula gets an apostrophe before it.
/// </summary>
internal sealed class CsvText
{
    private readonly StringBuilder _text = new();

    /// <summary>Begins with the heads.</summary>
    public CsvText(params IEnumerable<string> columns) => AddRow([.. columns]);

    /// <summary>Adds a row of texts, numbers and nulls, which are empty.</summary>
    public void AddRow(params object?[] cells) => _text.AppendJoin(',', cells.Select(Text)).Append("\r\n");

    /// <inheritdoc/>
    public override string ToString() => _text.ToString();

    private static string Text(object? cell) => cell switch
    {
        null => "",
        string text => Quote(text),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => throw new ArgumentException($"A cell cannot be a {cell.GetType().Name}.", nameof(cell)),
    };

    private static string Quote(string text)
    {
        string safe = text.Length > 0 && text[0] is '=' or '+' or '-' or '@' or '\t' or '\r' ? "'" + text : text;
        return safe.AsSpan().ContainsAny(",\"\r\n") ? $"\"{safe.Replace("\"", "\"\"")}\"" : safe;
    }
}
