using System.Globalization;

namespace MoeLora.Training.Reports.Charts;

/// <summary>A table of numbers from 0 to 1 as SVG: the larger the number, the darker its cell. Each cell also shows its number.</summary>
public sealed record HeatMap
{
    private const double RowHeight = 30, CellWidth = 58, MostLabel = 260, FontSize = 13;

    // From these shares of the colour on, text in the colour of the paper has more contrast than ink: on a light page, and already on a dark one.
    private const double StrongFrom = 0.78, MiddleFrom = 0.6;

    /// <summary>What it shows, in few words; drawn above it.</summary>
    public required string Title { get; init; }

    /// <summary>What a reader who does not see it needs to know of it.</summary>
    public required string Description { get; init; }

    /// <summary>Above the columns, such as <c>Expert</c>.</summary>
    public required string ColumnsTitle { get; init; }

    /// <summary>Names of the columns.</summary>
    public required IReadOnlyList<string> Columns { get; init; }

    /// <summary>Each row's name and values, one for each column.</summary>
    public required IReadOnlyList<(string Name, IReadOnlyList<double> Values)> Rows { get; init; }

    /// <summary>The heat map as an SVG document of its own, with its style inside.</summary>
    public string ToSvg() => Draw(ChartStyle.Css);

    /// <summary>The heat map as an element of a page that holds <see cref="ChartStyle.Css"/>.</summary>
    internal string ToElement() => Draw(null);

    private string Draw(string? style)
    {
        double label = Math.Min(MostLabel, Rows.Select(row => XmlText.Width(row.Name) * FontSize).Append(60).Max()) + 24;
        double width = Math.Max(label + (CellWidth * Columns.Count) + 16, (XmlText.Width(Title) * 15) + 48);
        const double Top = 84;
        var svg = new SvgText(Title, Description, width, Top + (RowHeight * Rows.Count) + 16, style);
        svg.AddText(16, 24, "name", Title);
        svg.AddText(label + (CellWidth * Columns.Count / 2), 52, "soft mid", ColumnsTitle);
        for (int column = 0; column < Columns.Count; column++)
            svg.AddText(label + (CellWidth * (column + 0.5)), 74, "soft mid", XmlText.Fit(Columns[column], CellWidth / FontSize));
        double most = Rows.SelectMany(row => row.Values).Where(double.IsFinite).DefaultIfEmpty(0).Max();
        for (int row = 0; row < Rows.Count; row++)
        {
            (string name, IReadOnlyList<double> values) = Rows[row];
            double y = Top + (RowHeight * row);
            svg.AddText(label - 10, y + 19, "end", XmlText.Fit(name, MostLabel / FontSize));
            for (int column = 0; column < values.Count; column++)
            {
                double x = label + (CellWidth * column), share = most > 0 && double.IsFinite(values[column]) ? Math.Clamp(values[column] / most, 0, 1) : 0;
                svg.Add($"<rect class=\"cell\" x=\"{x + 1:0.#}\" y=\"{y + 1:0.#}\" width=\"{CellWidth - 2:0.#}\" height=\"{RowHeight - 2:0.#}\" fill-opacity=\"{share:0.###}\"/>");
                svg.AddText(x + (CellWidth / 2), y + 19, share >= StrongFrom ? "mid strong" : share >= MiddleFrom ? "mid middle" : "mid", values[column].ToString("0.000", CultureInfo.InvariantCulture));
            }
        }

        return svg.ToString();
    }
}
