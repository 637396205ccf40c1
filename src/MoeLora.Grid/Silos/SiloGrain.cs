using System.Runtime.CompilerServices;
using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Grid.Banks;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Tenants;
using Orleans.Concurrency;

namespace MoeLora.Grid.Silos;

/// <inheritdoc cref="ISiloGrain"/>
[Reentrant, OnNamedSilo]
internal sealed class SiloGrain(ISiloNode node, SiloBoard board, BankFollower follower, IEnumerable<ClusterLimiter> limiters) : Grain, ISiloGrain
{
    private const int PieceBytes = 1 << 20;

    public Task<FollowReply> FollowAsync(BankMessage bank) => follower.FollowAsync(bank);

    public async IAsyncEnumerable<byte[]> ReadBundleAsync(string bundleHash, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await using Stream? bundle = await node.OpenBundleAsync(bundleHash, cancellation)
            ?? throw new FileNotFoundException($"The silo {node.Name} does not hold the bundle {bundleHash}.");
        while (true)
        {
            byte[] piece = new byte[PieceBytes];
            int read = await bundle.ReadAtLeastAsync(piece, piece.Length, throwOnEndOfStream: false, cancellation);
            if (read > 0)
                yield return read == piece.Length ? piece : piece[..read];
            if (read < piece.Length)
                yield break;
        }
    }

    public async Task<VersionCount[]> CountVersionsAsync() =>
        (await node.Rollouts.ListVersionsAsync()).TryGet(out IReadOnlyList<AdapterVersionStatus>? versions, out _) ? [.. versions.Select(VersionCount.Of)] : [];

    public Task<string[]> AnnounceAsync(SiloReport report) => Task.FromResult(board.Receive(report));

    public async Task<OverviewMessage> OverviewAsync() =>
        (await node.Overview.DescribeAsync()).TryGet(out GridOverview? overview, out GridError? error) ? OverviewMessage.Of(overview) : new OverviewMessage(null, ErrorMessage.Of(error));

    public async Task<ModelMessage[]> ModelsAsync() =>
        (await node.Grid.ListModelsAsync()).TryGet(out IReadOnlyList<ModelDescription>? models, out _) ? [.. models.Select(ModelMessage.Of)] : [];

    public async Task<string[]?> AllowedTasksAsync(string tenant) =>
        (await node.FindLimitsAsync(TenantId.Parse(tenant))).AllowedTasks?.ToArray();

    public async Task<ModelReply> FindModelAsync(string model) =>
        (await node.Grid.FindModelAsync(ModelRef.Parse(model))).TryGet(out ModelDescription? found, out GridError? error)
            ? new ModelReply(ModelMessage.Of(found), null)
            : new ModelReply(null, ErrorMessage.Of(error));

    // A silo whose node limits by itself holds nothing of the cluster's.
    public Task<TenantHeldMessage> HeldAsync(string tenant) =>
        Task.FromResult(limiters.FirstOrDefault()?.DescribeHeld(TenantId.Parse(tenant)) ?? new TenantHeldMessage([], 0, 0));
}
