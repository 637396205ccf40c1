using System.Text;
using MoeLora.Training.Reports.Charts;

namespace MoeLora.Training.Reports.Documents;

/// <summary>Renders blocks as Markdown with tables, as GitHub shows it; pictures are links to files beside it. All texts are escaped.</summary>
internal sealed class MarkdownText
{
    private readonly StringBuilder _text = new();
    private readonly string _figures;

    private MarkdownText(string figures) => _figures = figures;

    /// <summary>The whole text.</summary>
    /// <param name="title">Its heading.</param>
    /// <param name="blocks">What follows.</param>
    /// <param name="figures">The folder of the pictures, as links name it.</param>
    public static string Render(string title, IEnumerable<ReportBlock> blocks, string figures)
    {
        var markdown = new MarkdownText(figures);
        markdown._text.Append($"# {Escape(title)}\n");
        markdown.Add(blocks);
        return markdown._text.ToString();
    }

    /// <summary>The text on one line, with everything escaped that Markdown or HTML could take for markup.</summary>
    public static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (char c in text)
        {
            if (c is '&')
                escaped.Append("&amp;");
            else if (c is '<')
                escaped.Append("&lt;");
            else if (c is '>')
                escaped.Append("&gt;");
            else if (char.IsControl(c) || c is '\u2028' or '\u2029')
                escaped.Append(' ');
            else if (c is '\\' or '`' or '*' or '_' or '{' or '}' or '[' or ']' or '#' or '|' or '~' or '!' or '$' or '@')
                escaped.Append('\\').Append(c);
            else
                escaped.Append(c);
        }

        return escaped.ToString();
    }

    private void Add(IEnumerable<ReportBlock> blocks)
    {
        foreach (ReportBlock block in blocks)
        {
            _text.Append('\n');
            Add(block);
        }
    }

    private void Add(ReportBlock block)
    {
        switch (block)
        {
            case Heading heading:
                _text.Append($"## {Escape(heading.Text)}\n");
                break;
            case Paragraph paragraph:
                _text.Append($"{Escape(paragraph.Text)}\n");
                break;
            case Figure figure:
                _text.Append($"![{Escape(figure.Caption)}]({_figures}/{figure.Name}.svg)\n\n{Escape(figure.Caption)}\n");
                break;
            case Fold fold:
                _text.Append($"<details>\n<summary>{XmlText.Escape(fold.Summary)}</summary>\n");
                Add(fold.Blocks);
                _text.Append("\n</details>\n");
                break;
            case DataTable table:
                Add(table);
                break;
            default:
                throw new InvalidOperationException($"There is no Markdown for {block.GetType().Name}.");
        }
    }

    private void Add(DataTable table)
    {
        _text.Append($"{Escape(table.Caption)}\n\n");
        AddRow(table.Columns.Select(Escape));
        AddRow(table.Columns.Select((_, i) => i == 0 || table.IsText ? "---" : "---:"));
        foreach (TableGroup group in table.Groups)
        {
            if (group.Name is not null)
                AddRow(table.Columns.Select((_, i) => i == 0 ? $"*{Escape(group.Name)}*" : ""));
            foreach (TableRow row in group.Rows)
                AddRow([Escape(row.Name), .. row.Cells.Select(Text)]);
        }
    }

    private void AddRow(IEnumerable<string> cells) => _text.Append("| ").AppendJoin(" | ", cells).Append(" |\n");

    // <ins> is the underline that GitHub keeps.
    private static string Text(TableCell cell)
    {
        string text = Escape(cell.Text);
        string marked = cell.Rank switch { CellRank.Best => $"**{text}**", CellRank.Second => $"<ins>{text}</ins>", _ => text };
        return cell.Detail is null ? marked : $"{marked} {Escape(cell.Detail)}";
    }
}
