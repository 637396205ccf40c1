using MoeLora.Training.Methods;
using MoeLora.Training.Reports.Results;
using MoeLora.Training.Reports.Statistics;

namespace MoeLora.Training.Reports.Sections;

/// <summary>The scores of a method, or of one of its variants, over its seeds.</summary>
internal sealed class ScoreRow
{
    private ScoreRow(string name, IReadOnlyList<ExperimentCell> cells, IReadOnlyList<string> tasks)
    {
        Name = name;
        Cells = cells;
        Tasks = [.. tasks.Select(task => SampleStatistics.Of(cells.Select(cell => cell.Score(task))))];
        Average = SampleStatistics.Of(cells.Select(cell => cell.Average(tasks)));
    }

    public string Name { get; }

    /// <summary>Those that are done.</summary>
    public IReadOnlyList<ExperimentCell> Cells { get; }

    /// <summary>By task, in the order of the experiment's; null without a score.</summary>
    public IReadOnlyList<SampleStatistics?> Tasks { get; }

    /// <summary>Of the seeds' averages over all tasks; null when no seed has a score of every task.</summary>
    public SampleStatistics? Average { get; }

    /// <summary>A method under the experiment's own settings; null when it is no part of the experiment.</summary>
    public static ScoreRow? Of(ExperimentResults results, Method method, string? name = null)
    {
        ExperimentCell[] cells = [.. results.Cells.Where(cell => cell.Method == method.Id && cell.Variant == ExperimentVariant.Main)];
        return cells.Length == 0 ? null : new(name ?? method.Name, Done(cells), results.Tasks);
    }

    /// <summary>
    /// A method with one setting changed. Where the value is the experiment's own, its cells without a variant count too, each seed once.
    /// </summary>
    public static ScoreRow Of(ExperimentResults results, Method method, ExperimentVariant variant, string name)
    {
        bool isMain = OwnValue(results, variant.Kind) == variant.Value;
        IEnumerable<ExperimentCell> cells = Done(results.Cells.Where(cell => cell.Method == method.Id && cell.Variant == variant));
        if (isMain)
            cells = cells.Concat(Done(results.Cells.Where(cell => cell.Method == method.Id && cell.Variant == ExperimentVariant.Main))).DistinctBy(cell => cell.Seed);
        return new(name, [.. cells], results.Tasks);
    }

    /// <summary>The experiment's own value of what a variant changes.</summary>
    public static string OwnValue(ExperimentResults results, VariantKind kind) => kind switch
    {
        VariantKind.Experts => ExperimentVariant.Experts(results.Experts).Value,
        VariantKind.Rank => ExperimentVariant.Rank(results.Rank).Value,
        VariantKind.Sampler => results.Sampler,
        _ => "",
    };

    private static ExperimentCell[] Done(IEnumerable<ExperimentCell> cells) => [.. cells.Where(cell => cell.Status == CellStatus.Done)];
}
