using MoeLora.Training.Methods;
namespace MoeLora.Training.Reports.Results;

/// <summary>A setting of an experiment, in words for its report.</summary>
/// <param name="Name">Such as <c>steps</c>.</param>
/// <param name="Value">Such as <c>8000</c>.</param>
public sealed record ExperimentSetting(string Name, string Value);

/// <summary>An experiment: what it compares, under which settings, and the cells that are done. Kept by <see cref="ResultsFile"/>.</summary>
public sealed record ExperimentResults
{
    /// <summary>What the report is headed with.</summary>
    public required string Title { get; init; }

    /// <summary>The tasks, in the order of the tables.</summary>
    public required IReadOnlyList<string> Tasks { get; init; }

    /// <summary>The number of experts of cells without a variant.</summary>
    public required int Experts { get; init; }

    /// <summary>The rank of cells without a variant.</summary>
    public required int Rank { get; init; }

    /// <summary>The sampler of cells without a variant, by its name in configurations.</summary>
    public required string Sampler { get; init; }

    /// <summary>All other settings that a reader needs: base model, data, steps, machine and so on, in the order of the report.</summary>
    public IReadOnlyList<ExperimentSetting> Settings { get; init; } = [];

    /// <summary>The cells that ended, in the order in which they did.</summary>
    public IReadOnlyList<ExperimentCell> Cells { get; init; } = [];

    /// <summary>The cell with this name; null when it has not ended.</summary>
    public ExperimentCell? Find(CellKey key) => Cells.FirstOrDefault(cell => cell.Key == key);

    /// <summary>The results with one more cell, which takes the place of one with the same name.</summary>
    public ExperimentResults With(ExperimentCell cell) => this with { Cells = [.. Cells.Where(other => other.Key != cell.Key), cell] };

    /// <summary>Everything that contradicts itself, a sentence each.</summary>
    public IReadOnlyList<string> FindProblems()
    {
        var problems = new List<string>();
        if (Tasks.Count == 0)
            problems.Add("there are no tasks.");
        problems.AddRange(Tasks.CountBy(task => task).Where(count => count.Value > 1).Select(count => $"the task '{count.Key}' is listed {count.Value} times."));
        if (Experts < 1 || Rank < 1)
            problems.Add($"experts ({Experts}) and rank ({Rank}) must be at least 1.");
        problems.AddRange(Cells.CountBy(cell => cell.Key).Where(count => count.Value > 1).Select(count => $"the cell {count.Key} is there {count.Value} times."));
        foreach (ExperimentCell cell in Cells)
            problems.AddRange(FindProblems(cell).Select(problem => $"the cell {cell.Key}: {problem}"));
        return problems;
    }

    private IEnumerable<string> FindProblems(ExperimentCell cell)
    {
        if (Method.Find(cell.Method) is null)
            yield return $"there is no method '{cell.Method}'; known are {string.Join(", ", Method.All.Select(method => method.Id))}.";
        if (cell.Status == CellStatus.Failed && string.IsNullOrWhiteSpace(cell.Failure))
            yield return "it failed without a reason.";
        if (cell.Status == CellStatus.Done && cell.Scores.Count == 0)
            yield return "it is done without scores.";
        foreach (string task in cell.Scores.Keys.Concat(cell.ExpertWeights?.Keys ?? []).Distinct().Except(Tasks))
            yield return $"'{task}' is none of the tasks.";
        foreach ((string task, double score) in cell.Scores.Select(score => (score.Key, score.Value.Score)))
        {
            if (!(score >= 0 && score <= 1))
                yield return $"the score {score} of '{task}' is not from 0 to 1.";
        }

        if (cell.ExpertWeights?.Values.Select(weights => weights.Count).Distinct().Count() > 1)
            yield return "its tasks have different numbers of experts.";
    }
}
