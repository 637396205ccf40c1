using MoeLora.Adapters.Bundles;

namespace MoeLora.Cli.Bundles;

/// <summary>A bundle to be made.</summary>
/// <param name="Model">Directory of the base model.</param>
/// <param name="Adapter">Directory of the adapter.</param>
/// <param name="TaskNames">File with the tasks' names; null takes what the adapter says.</param>
/// <param name="Out">The directory to make.</param>
/// <param name="Name">The bundle's name.</param>
/// <param name="Version">Its version.</param>
/// <param name="Records">Where the check prompts come from; null for <paramref name="PromptIds"/>.</param>
/// <param name="PromptIds">Check prompts of every task as token ids; null for <paramref name="Records"/>.</param>
internal sealed record BundleRequest(
    string Model,
    string Adapter,
    string? TaskNames,
    string Out,
    AdapterName Name,
    AdapterVersion Version,
    RecordPrompts? Records,
    IReadOnlyList<int[]>? PromptIds);
