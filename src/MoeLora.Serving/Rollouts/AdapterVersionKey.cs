using MoeLora.Adapters.Bundles;

namespace MoeLora.Serving.Rollouts;

/// <summary>One immutable version of a bank. Prints as <c>bank@version</c>.</summary>
/// <param name="Bank">The bank: the name in the bundle's manifest.</param>
/// <param name="Version">The version in the bundle's manifest.</param>
internal readonly record struct AdapterVersionKey(AdapterName Bank, AdapterVersion Version)
{
    public static AdapterVersionKey Of(BundleManifest manifest) => new(manifest.Name, manifest.Version);

    public override string ToString() => $"{Bank}@{Version}";
}
