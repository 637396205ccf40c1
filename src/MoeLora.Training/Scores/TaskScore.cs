using System.Text.Json.Serialization;

namespace MoeLora.Training.Scores;

/// <summary>How well the answers of one task are. All scores are from 0 to 1; those that the task does not have are null.</summary>
public sealed record TaskScore
{
    /// <summary>What the authors' evaluation gives the task: one of the others, named by <see cref="Metric"/>.</summary>
    public required double Score { get; init; }

    /// <summary>Which one: <c>micro_f1</c>, <c>macro_f1</c> or <c>rouge_l</c>.</summary>
    public required string Metric { get; init; }

    /// <summary>How many answers were scored.</summary>
    public required int Samples { get; init; }

    /// <summary>F1 over all items or answers together. For labels it is the share of right answers.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? MicroF1 { get; init; }

    /// <summary>The mean of the labels' F1, over the labels that are expected or answered.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? MacroF1 { get; init; }

    /// <summary>The mean ROUGE-L of the texts, by words.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? RougeL { get; init; }

    /// <summary>The precision that belongs to <see cref="Score"/>.</summary>
    public required double Precision { get; init; }

    /// <summary>The recall that belongs to <see cref="Score"/>.</summary>
    public required double Recall { get; init; }

    /// <summary>Each expected label, in ordinal order.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, LabelScore>? Labels { get; init; }
}

/// <summary>How well one label is found.</summary>
/// <param name="F1">0 where there is neither precision nor recall.</param>
/// <param name="Precision">Right answers over answers with this label; 0 without any.</param>
/// <param name="Recall">Right answers over expected ones.</param>
/// <param name="Support">How often it is expected.</param>
public sealed record LabelScore(double F1, double Precision, double Recall, int Support);
