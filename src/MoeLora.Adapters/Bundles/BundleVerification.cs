using System.Globalization;
using MoeLora.Tensors;

namespace MoeLora.Adapters.Bundles;

/// <summary>In which form a task is served.</summary>
public enum AdapterForm
{
    /// <summary>The base weights beside the expert bank.</summary>
    Shared,

    /// <summary>The task's own recovered weights.</summary>
    Merged,
}

/// <summary>How far a verification is.</summary>
/// <param name="Done">Prompts run.</param>
/// <param name="Total">Prompts to run.</param>
public readonly record struct CheckProgress(int Done, int Total);

/// <summary>What a model answered to one check in one form.</summary>
/// <param name="Check">Position of the check in its bundle, from 1.</param>
/// <param name="Task">The check's task.</param>
/// <param name="Form">How it was served.</param>
/// <param name="LogitDifference">The largest difference of a kept logit or of log Σ exp; infinite when something is not finite.</param>
/// <param name="AnswerShortfall">By how much, at most, a token of the kept answer is below the likeliest token in its place; 0 when the answer is the same.</param>
/// <param name="Tolerance">The difference that is allowed of a logit. Two logits that are compared with each other may both be off: the shortfall may be twice as large.</param>
public sealed record CheckResult(int Check, AdapterTask Task, AdapterForm Form, double LogitDifference, double AnswerShortfall, double Tolerance)
{
    /// <summary>Whether the model answers as the check says.</summary>
    public bool Passed => LogitDifference <= Tolerance && AnswerShortfall <= 2 * Tolerance;

    internal string Describe()
    {
        string difference = LogitDifference <= Tolerance
            ? string.Create(CultureInfo.InvariantCulture, $"a token of the answer is {AnswerShortfall:0.###e+0} below the likeliest; {2 * Tolerance:0.###e+0} is allowed")
            : string.Create(CultureInfo.InvariantCulture, $"the logits differ by {LogitDifference:0.###e+0}; {Tolerance:0.###e+0} is allowed");
        return $"check {Check}, task {Task}, {(Form == AdapterForm.Merged ? "merged" : "shared")}: {difference}.";
    }
}

/// <summary>Whether an adapter on a base model answers as its bundle says.</summary>
/// <param name="Weights">How the model's weights are kept, which decides the tolerances.</param>
/// <param name="Results">Every check in both forms.</param>
/// <param name="Faults">Everything that is wrong, in words: what cannot be run, deltas that are zero, results that did not pass.</param>
public sealed record BundleVerification(DType Weights, IReadOnlyList<CheckResult> Results, IReadOnlyList<string> Faults)
{
    /// <summary>Whether nothing is wrong. Never true when there was nothing to check.</summary>
    public bool Passed => Faults.Count == 0 && Results.Count > 0;
}
