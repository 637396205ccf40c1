using MoeLora.Training.Methods;
using MoeLora.Training.Reports.Documents;
using MoeLora.Training.Reports.Results;
using MoeLora.Training.Reports.Statistics;

namespace MoeLora.Training.Reports.Sections;

/// <summary>What methods cost: parameters, training, and answers.</summary>
internal static class EfficiencySection
{
    private static readonly string[] Columns =
        ["Trained parameters", "Share", "Steps", "Tokens", "Training, s", "Tokens/s", "Validation loss", "Answer, ms", "Token, ms"];

    public static IEnumerable<ReportBlock> Build(ExperimentResults results)
    {
        TableRow[] rows = [.. Method.All.Select(method => Row(results, method)).OfType<TableRow>()];
        if (rows.Length == 0)
            yield break;
        yield return new Heading("Efficiency");
        // What was measured of no method has no column.
        int[] measured = [.. Enumerable.Range(0, Columns.Length).Where(column => rows.Any(row => row.Cells[column].Text != ReportNumber.Missing))];
        yield return new DataTable(
            "Means over the seeds. Training is the time of all trainings that a method needs, on the machine of the settings below.",
            ["Method", .. measured.Select(column => Columns[column])],
            [new TableGroup(null, [.. rows.Select(row => row with { Cells = [.. measured.Select(column => row.Cells[column])] })])]);
    }

    private static TableRow? Row(ExperimentResults results, Method method)
    {
        ExperimentCell[] cells = [.. results.Cells.Where(cell => cell.Method == method.Id && cell.Variant == ExperimentVariant.Main && cell.Status == CellStatus.Done)];
        if (cells.Length == 0)
            return null;
        double? Mean(Func<ExperimentCell, double?> measured) => SampleStatistics.Of(cells.Select(measured))?.Mean;
        double? share = Mean(cell => cell.TrainableShare);
        return new TableRow(method.Name,
        [
            new TableCell(ReportNumber.Count(Mean(cell => cell.TrainableParameters))),
            new TableCell(share is null ? ReportNumber.Missing : $"{ReportNumber.Quantity(100 * share)} %"),
            new TableCell(ReportNumber.Count(Mean(cell => cell.Steps))),
            new TableCell(ReportNumber.Count(Mean(cell => cell.TrainingTokens))),
            new TableCell(ReportNumber.Quantity(Mean(cell => cell.TrainingSeconds))),
            new TableCell(ReportNumber.Quantity(Mean(cell => cell.TrainingSeconds > 0 ? cell.TrainingTokens / cell.TrainingSeconds : null))),
            new TableCell(ReportNumber.Quantity(Mean(cell => cell.ValidationLoss))),
            new TableCell(ReportNumber.Quantity(Mean(cell => cell.MillisecondsPerAnswer))),
            new TableCell(ReportNumber.Quantity(Mean(cell => cell.MillisecondsPerToken))),
        ]);
    }
}
