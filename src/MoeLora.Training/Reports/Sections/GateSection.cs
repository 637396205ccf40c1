using System.Globalization;
using MoeLora.Training.Methods;
using MoeLora.Training.Reports.Charts;
using MoeLora.Training.Reports.Documents;
using MoeLora.Training.Reports.Results;

namespace MoeLora.Training.Reports.Sections;

/// <summary>The weights that trained gates give the experts for each task.</summary>
internal static class GateSection
{
    public static IEnumerable<ReportBlock> Build(ExperimentResults results)
    {
        Method[] order = [.. Method.All.OrderByDescending(method => method.Id == Method.MoeLoraDense.Id)];
        (Method Method, ExperimentCell[] Cells)[] gated =
        [
            .. from method in order
               let cells = results.Cells.Where(cell => cell.Method == method.Id && cell.Variant == ExperimentVariant.Main && cell.ExpertWeights is { Count: > 0 })
                   .OrderBy(cell => cell.Seed).ToArray()
               where cells.Length > 0
               select (method, cells),
        ];
        if (gated.Length == 0)
            yield break;
        yield return new Heading("Expert weights by task");
        yield return new Paragraph("Each row is the gate's weights ω for one task; they add up to 1. Which expert has which number is chance, so seeds are shown apart and not averaged.");
        foreach ((Method method, ExperimentCell[] cells) in gated)
            yield return Map(results, method, cells[0]);
        Figure[] others = [.. gated.SelectMany(method => method.Cells.Skip(1).Select(cell => Map(results, method.Method, cell)))];
        if (others.Length > 0)
            yield return new Fold($"Other seeds ({others.Length} figures)", others);
    }

    private static Figure Map(ExperimentResults results, Method method, ExperimentCell cell)
    {
        (string Name, IReadOnlyList<double> Values)[] rows =
        [
            .. results.Tasks.Where(cell.ExpertWeights!.ContainsKey).Select(task => (task, cell.ExpertWeights[task])),
        ];
        var map = new HeatMap
        {
            Title = $"{method.Name}, seed {cell.Seed}",
            Description = string.Join(' ', rows.Select(row => $"{row.Name}: {string.Join(", ", row.Values.Select(weight => weight.ToString("0.000", CultureInfo.InvariantCulture)))}.")),
            ColumnsTitle = "Expert",
            Columns = [.. Enumerable.Range(1, rows[0].Values.Count).Select(expert => expert.ToString(CultureInfo.InvariantCulture))],
            Rows = rows,
        };
        string caption = $"Expert weights of {method.Name}, seed {cell.Seed}{(method.Id == "moelora-m" ? ", the mean over the layers' gates" : "")}.";
        return new Figure($"experts-{method.Id}-{cell.Seed}", caption, map.ToSvg(), map.ToElement());
    }
}
