using MoeLora.Grid.Messages;
using MoeLora.Grid.Tenants;

namespace MoeLora.Grid.Silos;

/// <summary>One silo, for the other silos; its key is the silo's address, and it lives there or nowhere.</summary>
[Alias("moelora.ISiloGrain")]
public interface ISiloGrain : IGrainWithStringKey
{
    /// <summary>Brings the silo's node to a bank's state: fetches, loads and proves the versions that answer or may soon, flips, and drains the others.</summary>
    /// <param name="bank">The state. An older one than the silo follows already changes nothing.</param>
    /// <remarks>It takes as long as loading a version does; a silo that dies meanwhile ends the call earlier.</remarks>
    [Alias("Follow"), ResponseTimeout("01:00:00")]
    Task<FollowReply> FollowAsync(BankMessage bank);

    /// <summary>The packed bundle with this hash in pieces; throws <see cref="FileNotFoundException"/> where the silo does not hold it.</summary>
    /// <param name="bundleHash"><c>sha256:</c> and 64 digits.</param>
    /// <param name="cancellation">Stops.</param>
    [Alias("ReadBundle")]
    IAsyncEnumerable<byte[]> ReadBundleAsync(string bundleHash, CancellationToken cancellation = default);

    /// <summary>What its versions do.</summary>
    [Alias("CountVersions")]
    Task<VersionCount[]> CountVersionsAsync();

    /// <summary>Takes what another silo says of itself.</summary>
    /// <returns>See <see cref="SiloBoard.Receive"/>.</returns>
    [Alias("Announce")]
    Task<string[]> AnnounceAsync(SiloReport report);

    /// <summary>The state of the silo's node, for people.</summary>
    [Alias("Overview")]
    Task<OverviewMessage> OverviewAsync();

    /// <summary>What the silo's node can answer as.</summary>
    [Alias("Models")]
    Task<ModelMessage[]> ModelsAsync();

    /// <summary>One of them.</summary>
    /// <param name="model">A model reference.</param>
    [Alias("FindModel")]
    Task<ModelReply> FindModelAsync(string model);

    /// <summary>The only tasks that a tenant may ask, as <see cref="Contracts.Tenants.TenantLimits.AllowedTasks"/>; null for every task.</summary>
    /// <param name="tenant">Its name.</param>
    [Alias("AllowedTasks")]
    Task<string[]?> AllowedTasksAsync(string tenant);

    /// <summary>What it holds of a tenant's room.</summary>
    [Alias("Held")]
    Task<TenantHeldMessage> HeldAsync(string tenant);
}
