using MoeLora.Adapters;
using MoeLora.Adapters.Bundles;

namespace MoeLora.Cli.Inspection;

/// <summary>What a bundle says of itself.</summary>
/// <param name="FormatVersion">1 without checks, 2 with them.</param>
/// <param name="Name">The adapter's name.</param>
/// <param name="Version">Its version.</param>
/// <param name="ContentHash">Of everything in it.</param>
/// <param name="BaseModelHash">Of the base model that it fits.</param>
/// <param name="Checks">What it proves itself with where it is loaded.</param>
internal sealed record InspectedBundle(int FormatVersion, string Name, string Version, string ContentHash, string BaseModelHash, IReadOnlyList<InspectedCheck> Checks)
{
    /// <summary>What <paramref name="manifest"/> and the checks of its adapter say.</summary>
    public static InspectedBundle Of(BundleManifest manifest, Adapter adapter) => new(
        manifest.FormatVersion,
        $"{manifest.Name}",
        $"{manifest.Version}",
        $"{manifest.ContentHash}",
        manifest.BaseModelHash,
        [.. (adapter.Checks ?? []).Select(check => new InspectedCheck(check.TaskId, $"{adapter.Tasks[check.TaskId - 1].Name}", check.Prompt.Count, check.Likeliest.Count, check.LogSumExp, check.Answer))]);

    /// <summary>The checks in a line.</summary>
    public string DescribeChecks()
    {
        if (Checks.Count == 0)
            return $"none (format {FormatVersion}); 'moelora bundle' makes a bundle with checks";
        int[] perTask = [.. Checks.CountBy(check => check.TaskId).Select(count => count.Value)];
        return $"{Checks.Count}: {Range(perTask)} of each task, prompts of {Range(Checks.Select(check => check.PromptTokens))} tokens, answers of {Range(Checks.Select(check => check.Answer.Count))}, {Range(Checks.Select(check => check.Logits))} logits each";
    }

    private static string Range(IEnumerable<int> numbers) => numbers.Min() == numbers.Max() ? $"{numbers.Min()}" : $"{numbers.Min()} to {numbers.Max()}";
}

/// <summary>A check of a bundle.</summary>
/// <param name="TaskId">The task's id.</param>
/// <param name="Task">The task's name.</param>
/// <param name="PromptTokens">Length of the prompt.</param>
/// <param name="Logits">How many logits are kept.</param>
/// <param name="LogSumExp">log Σ exp of all logits.</param>
/// <param name="Answer">The greedy answer's first tokens.</param>
internal sealed record InspectedCheck(int TaskId, string Task, int PromptTokens, int Logits, double LogSumExp, IReadOnlyList<int> Answer);
