using MoeLora.Adapters;
using MoeLora.Adapters.Bundles;
using MoeLora.Adapters.Import;
using MoeLora.Serving.Bases;
using MoeLora.Serving.Rollouts;
using MoeLora.Serving.Tasks;

namespace MoeLora.Serving.Nodes;

/// <summary>
/// Loads versions on the base models of a node, next to what runs, and proves them. Reading and comparing is done on the caller's threads; what needs the
/// device is done between the steps of the engine, a short piece at a time.
/// </summary>
internal sealed class NodeVersionHost : IVersionHost
{
    private volatile IReadOnlyList<BaseModelHost> _bases = [];

    /// <summary>The base models, in the order in which they were added.</summary>
    public IReadOnlyList<BaseModelHost> Bases => _bases;

    public IReadOnlyDictionary<string, string> BaseModels => _bases.ToDictionary(host => host.Hash, host => host.Name, StringComparer.Ordinal);

    /// <summary>Takes a base model over; its owner frees it. Called by one thread at a time.</summary>
    /// <exception cref="InvalidOperationException">It is there already, perhaps under another name.</exception>
    public void Add(BaseModelHost host)
    {
        if (_bases.FirstOrDefault(other => other.Hash == host.Hash) is { } other)
            throw new InvalidOperationException($"'{other.Name}' and '{host.Name}' are the same base model; leave one out.");
        _bases = [.. _bases, host];
    }

    public async Task<LoadOutcome> LoadAsync(AdapterBundle bundle, CancellationToken cancellation)
    {
        BaseModelHost? host = _bases.FirstOrDefault(host => host.Hash == bundle.Manifest.BaseModelHash);
        if (host is null)
            return LoadOutcome.Refused($"It was made for the base model {bundle.Manifest.BaseModelHash}, which this node does not have; it has {string.Join(", ", BaseModels.Select(known => $"{known.Value} ({known.Key})"))}.");
        LoadedAdapter? loaded = null;
        try
        {
            Adapter adapter = await Task.Run(() => AdapterReader.Open(bundle.Directory, host.Model.LinearModules, baseModelHash: host.Hash), cancellation);
            loaded = await LoadedAdapter.LoadAsync(host, adapter, bundle.Hash.ToString(), _ => false, cancellation);
            BundleVerification proof = await host.Slices.RunAsync(turn =>
                BundleChecks.VerifyAsync(host.Model, host.Published, adapter, loaded.Bank!, adapter.Checks ?? [], turn, cancellation: cancellation));
            if (!proof.Passed)
                return LoadOutcome.Refused("It did not give the answers that it gave where it was made: " + string.Join(" ", proof.Faults));
            LoadOutcome outcome = LoadOutcome.Proven(new LoadedVersion(loaded));
            loaded = null;
            return outcome;
        }
        catch (AdapterException e)
        {
            return LoadOutcome.Refused(string.Join(" ", e.Problems));
        }
        finally
        {
            if (loaded is not null)
                await loaded.DisposeAsync();
        }
    }
}
