using MoeLora.Training.Reports.Documents;
using MoeLora.Training.Reports.Results;
using MoeLora.Training.Reports.Sections;

namespace MoeLora.Training.Reports;

/// <summary>
/// The report of an experiment, with the tables and figures of the paper (arXiv 2310.18339, section 4): scores of all methods by task, ablations,
/// sweeps over N and r, efficiency, and expert weights by task.
/// </summary>
public static class ExperimentReport
{
    private const string Figures = "figures";

    /// <summary>
    /// Writes <c>report.html</c>, which needs nothing beside it, <c>report.md</c> with <c>figures/*.svg</c>, and <c>scores.csv</c>, <c>cells.csv</c> and
    /// <c>expert_weights.csv</c>, in place of those that are there.
    /// </summary>
    /// <param name="results">May be unfinished: what is not there yet is left out.</param>
    /// <param name="directory">Created if needed.</param>
    /// <exception cref="ArgumentException">The results contradict themselves.</exception>
    public static void Write(ExperimentResults results, string directory)
    {
        if (results.FindProblems() is { Count: > 0 } problems)
            throw new ArgumentException(string.Join('\n', problems), nameof(results));
        ReportBlock[] blocks = [.. Blocks(results)];
        Directory.CreateDirectory(Path.Combine(directory, Figures));
        File.WriteAllText(Path.Combine(directory, "report.html"), HtmlPage.Render(results.Title, blocks));
        File.WriteAllText(Path.Combine(directory, "report.md"), MarkdownText.Render(results.Title, blocks, Figures));
        File.WriteAllText(Path.Combine(directory, "scores.csv"), ResultTables.Scores(results));
        File.WriteAllText(Path.Combine(directory, "cells.csv"), ResultTables.Cells(results));
        File.WriteAllText(Path.Combine(directory, "expert_weights.csv"), ResultTables.ExpertWeights(results));
        foreach (Figure figure in blocks.Concat(blocks.OfType<Fold>().SelectMany(fold => fold.Blocks)).OfType<Figure>())
            File.WriteAllText(Path.Combine(directory, Figures, $"{figure.Name}.svg"), figure.Svg);
    }

    private static IEnumerable<ReportBlock> Blocks(ExperimentResults results) =>
    [
        .. ComparisonSection.Summary(results),
        .. Section("Methods and tasks", ScoreTable.Overall(results)),
        .. ComparisonSection.Differences(results),
        .. Section("Ablations", ScoreTable.Ablations(results)),
        .. VariantSection.Build(results, VariantKind.Experts),
        .. VariantSection.Build(results, VariantKind.Rank),
        .. VariantSection.Build(results, VariantKind.Sampler),
        .. EfficiencySection.Build(results),
        .. GateSection.Build(results),
        .. DetailSection.Metrics(results),
        .. DetailSection.Settings(results),
        .. DetailSection.Failures(results),
    ];

    private static ReportBlock[] Section(string title, DataTable? table) => table is null ? [] : [new Heading(title), table];
}
