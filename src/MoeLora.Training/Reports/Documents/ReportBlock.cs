namespace MoeLora.Training.Reports.Documents;

/// <summary>A part of a report, the same in HTML and Markdown. All its texts are plain and may hold anything.</summary>
internal abstract record ReportBlock;

/// <summary>Begins a section.</summary>
internal sealed record Heading(string Text) : ReportBlock;

/// <summary>A few sentences.</summary>
internal sealed record Paragraph(string Text) : ReportBlock;

/// <summary>Blocks that a reader opens.</summary>
internal sealed record Fold(string Summary, IReadOnlyList<ReportBlock> Blocks) : ReportBlock;

/// <summary>A picture.</summary>
/// <param name="Name">Of its file, without an extension.</param>
/// <param name="Caption">Under it.</param>
/// <param name="Svg">As a file of its own.</param>
/// <param name="Element">As an element of a page that has the charts' style.</param>
internal sealed record Figure(string Name, string Caption, string Svg, string Element) : ReportBlock;

/// <summary>A table; the first column names the rows.</summary>
/// <param name="Caption">What the numbers are.</param>
/// <param name="Columns">Heads of all columns, that of the names first.</param>
/// <param name="Groups">The rows, in groups that may have a name.</param>
internal sealed record DataTable(string Caption, IReadOnlyList<string> Columns, IReadOnlyList<TableGroup> Groups) : ReportBlock
{
    /// <summary>Whether the cells are words, not numbers.</summary>
    public bool IsText { get; init; }
}

/// <summary>Rows under a common name; null for none.</summary>
internal sealed record TableGroup(string? Name, IReadOnlyList<TableRow> Rows);

/// <summary>A row.</summary>
internal sealed record TableRow(string Name, IReadOnlyList<TableCell> Cells);

/// <summary>How a cell stands among the others of its column.</summary>
internal enum CellRank
{
    None,
    Best,
    Second,
}

/// <summary>A cell.</summary>
/// <param name="Text">What it says.</param>
/// <param name="Detail">Less important, such as a deviation; null for none.</param>
/// <param name="Rank">The best is bold, the second underlined.</param>
internal readonly record struct TableCell(string Text, string? Detail = null, CellRank Rank = CellRank.None);
