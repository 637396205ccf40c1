using MoeLora.Adapters.Bundles;
using MoeLora.Adapters.Tests.Packs;

namespace MoeLora.Adapters.Tests.Bundles;

/// <summary>The checks of a reference pack's adapter, computed once.</summary>
internal static class CheckedPack
{
    /// <summary>One prompt for each task, so that all prompts of the pack occur.</summary>
    public static CheckPrompt[] Prompts(Pack pack, Adapter adapter) => [.. adapter.Tasks.Select(task => new CheckPrompt(task, pack.Prompt(task.Id % 3)))];

    public static IReadOnlyList<BundleCheck> Compute(Pack pack, Adapter adapter) => BundleChecks.Compute(pack.Model, adapter, Prompts(pack, adapter));
}
