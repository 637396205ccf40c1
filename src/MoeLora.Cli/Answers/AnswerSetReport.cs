using System.Globalization;
using MoeLora.Cli.DataSets;
using MoeLora.Cli.Terminals;
using MoeLora.Training.Scores;

namespace MoeLora.Cli.Answers;

/// <summary>What the answers to a test set come to: the members of a score report, and how they were made.</summary>
internal sealed record AnswerSetReport
{
    /// <summary>By task.</summary>
    public required IReadOnlyDictionary<string, TaskScore> Scores { get; init; }

    /// <summary>The mean of the tasks' scores.</summary>
    public required double Average { get; init; }

    /// <summary>Such as <c>base</c>, <c>shared</c>, <c>merged</c>, <c>both</c> or <c>run</c>.</summary>
    public required string Mode { get; init; }

    /// <summary>Records that were answered.</summary>
    public required int Records { get; init; }

    /// <summary>Lines of the test set that were left out.</summary>
    public required int SkippedLines { get; init; }

    /// <summary>Answers that ran to the most tokens allowed.</summary>
    public required int CutAnswers { get; init; }

    /// <summary>Tokens of all answers.</summary>
    public required long Tokens { get; init; }

    /// <summary>Time of answering, without loading.</summary>
    public required double Seconds { get; init; }

    /// <summary>Answers whose tokens differ between shared and merged; null unless both were made.</summary>
    public required int? DifferentAnswers { get; init; }

    /// <summary>Where the answers are; null when they were not kept.</summary>
    public required string? Predictions { get; init; }

    /// <summary>For people.</summary>
    public void Print(Terminal terminal)
    {
        new ScoreReport(Scores, Average).Print(terminal);
        FormattableString answers = $"{Records} answers of {Tokens:N0} tokens in {Seconds:0.0} s ({Tokens / Math.Max(Seconds, 1e-9):N0} tokens/s), {Mode}; {CutAnswers} ran to the most tokens allowed.";
        terminal.Out.WriteLine(answers.ToString(CultureInfo.InvariantCulture));
        if (DifferentAnswers is { } different)
            terminal.Out.WriteLine(different == 0 ? $"Shared and merged gave the same tokens for all {Records} records." : $"Shared and merged gave different tokens for {different} of {Records} records.");
        if (Predictions is not null)
            terminal.Out.WriteLine($"predictions: {Predictions}");
    }
}
