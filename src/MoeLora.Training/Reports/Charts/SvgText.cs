using System.Globalization;
using System.Text;

namespace MoeLora.Training.Reports.Charts;

/// <summary>An SVG picture in the making: escapes all texts and writes numbers with one decimal at most.</summary>
internal sealed class SvgText
{
    private readonly StringBuilder _text = new();

    /// <summary>Begins a picture.</summary>
    /// <param name="title">Its name.</param>
    /// <param name="description">What it shows, for readers who do not see it.</param>
    /// <param name="width">In pixels at full size.</param>
    /// <param name="height">Likewise.</param>
    /// <param name="style">Style rules inside it; null where the page has them.</param>
    public SvgText(string title, string description, double width, double height, string? style)
    {
        _text.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" role=\"img\" viewBox=\"0 0 {width:0.#} {height:0.#}\" width=\"{width:0.#}\" height=\"{height:0.#}\">\n");
        _text.Append(CultureInfo.InvariantCulture, $"<title>{XmlText.Escape(title)}</title>\n<desc>{XmlText.Escape(description)}</desc>\n");
        if (style is not null)
            _text.Append(CultureInfo.InvariantCulture, $"<style>\n{style}\n</style>\n");
        Add($"<rect class=\"paper\" width=\"{width:0.#}\" height=\"{height:0.#}\"/>");
    }

    /// <summary>Adds an element that holds no text of data.</summary>
    public void Add(FormattableString element) => _text.Append(element.ToString(CultureInfo.InvariantCulture)).Append('\n');

    /// <summary>Adds a text.</summary>
    public void AddText(double x, double y, string classes, string text, string attributes = "") =>
        _text.Append(CultureInfo.InvariantCulture, $"<text x=\"{x:0.#}\" y=\"{y:0.#}\" class=\"{classes}\"{attributes}>{XmlText.Escape(text)}</text>\n");

    /// <summary>Adds a straight line.</summary>
    public void AddLine(string classes, double x1, double y1, double x2, double y2) =>
        Add($"<line class=\"{classes}\" x1=\"{x1:0.#}\" y1=\"{y1:0.#}\" x2=\"{x2:0.#}\" y2=\"{y2:0.#}\"/>");

    /// <summary>The whole picture.</summary>
    public override string ToString() => $"{_text}</svg>\n";
}
