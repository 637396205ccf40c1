using MoeLora.Adapters.Bundles;

namespace MoeLora.Serving.Nodes;

/// <summary>A verified bundle: what its manifest says.</summary>
/// <param name="Bank">The bank.</param>
/// <param name="Version">Its version.</param>
/// <param name="BundleHash">Its content hash, <c>sha256:</c> and 64 digits.</param>
/// <param name="BaseModelHash">Its base model, 64 digits.</param>
/// <param name="Tasks">Its tasks by id.</param>
public sealed record StoredBundle(string Bank, string Version, string BundleHash, string BaseModelHash, IReadOnlyDictionary<int, string> Tasks)
{
    internal static StoredBundle Of(BundleManifest manifest) => new(
        manifest.Name.ToString(),
        manifest.Version.ToString(),
        manifest.ContentHash.ToString(),
        manifest.BaseModelHash,
        manifest.Tasks.ToDictionary(task => task.Id, task => task.Name.ToString()));
}
