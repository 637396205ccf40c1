using System.Text;
using MoeLora.Training.Reports.Charts;

namespace MoeLora.Training.Reports.Documents;

/// <summary>Renders blocks as one HTML file that needs nothing beside it: no network, no script. All texts are escaped.</summary>
internal sealed class HtmlPage
{
    private readonly StringBuilder _text = new();

    private HtmlPage()
    {
    }

    /// <summary>The whole page.</summary>
    public static string Render(string title, IEnumerable<ReportBlock> blocks)
    {
        var page = new HtmlPage();
        page._text.Append($"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width,initial-scale=1">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <title>{XmlText.Escape(title)}</title>
            <style>
            {PageStyle.Css}
            {ChartStyle.Css}
            </style>
            </head>
            <body>
            <h1>{XmlText.Escape(title)}</h1>

            """);
        page.Add(blocks);
        return page._text.Append("</body>\n</html>\n").ToString();
    }

    private void Add(IEnumerable<ReportBlock> blocks)
    {
        foreach (ReportBlock block in blocks)
            Add(block);
    }

    private void Add(ReportBlock block)
    {
        switch (block)
        {
            case Heading heading:
                _text.Append($"<h2>{XmlText.Escape(heading.Text)}</h2>\n");
                break;
            case Paragraph paragraph:
                _text.Append($"<p>{XmlText.Escape(paragraph.Text)}</p>\n");
                break;
            case Figure figure:
                _text.Append($"<figure>\n<div class=\"box\" tabindex=\"0\">\n{figure.Element}</div>\n<figcaption>{XmlText.Escape(figure.Caption)}</figcaption>\n</figure>\n");
                break;
            case Fold fold:
                _text.Append($"<details>\n<summary>{XmlText.Escape(fold.Summary)}</summary>\n");
                Add(fold.Blocks);
                _text.Append("</details>\n");
                break;
            case DataTable table:
                Add(table);
                break;
            default:
                throw new InvalidOperationException($"There is no HTML for {block.GetType().Name}.");
        }
    }

    private void Add(DataTable table)
    {
        _text.Append($"<div class=\"box\" tabindex=\"0\">\n<table{(table.IsText ? " class=\"words\"" : "")}>\n<caption><span>{XmlText.Escape(table.Caption)}</span></caption>\n<thead><tr>");
        foreach (string column in table.Columns)
            _text.Append($"<th scope=\"col\">{XmlText.Escape(column)}</th>");
        _text.Append("</tr></thead>\n");
        foreach (TableGroup group in table.Groups)
        {
            _text.Append("<tbody>\n");
            if (group.Name is not null)
                _text.Append($"<tr class=\"group\"><th scope=\"rowgroup\">{XmlText.Escape(group.Name)}</th><td colspan=\"{table.Columns.Count - 1}\"></td></tr>\n");
            foreach (TableRow row in group.Rows)
            {
                _text.Append($"<tr><th scope=\"row\">{XmlText.Escape(row.Name)}</th>");
                foreach (TableCell cell in row.Cells)
                    Add(cell);
                _text.Append("</tr>\n");
            }

            _text.Append("</tbody>\n");
        }

        _text.Append("</table>\n</div>\n");
    }

    private void Add(TableCell cell)
    {
        string text = XmlText.Escape(cell.Text);
        string marked = cell.Rank switch { CellRank.Best => $"<b>{text}</b>", CellRank.Second => $"<u>{text}</u>", _ => text };
        string detail = cell.Detail is null ? "" : $" <span class=\"spread\">{XmlText.Escape(cell.Detail)}</span>";
        _text.Append($"<td>{marked}{detail}</td>");
    }
}
