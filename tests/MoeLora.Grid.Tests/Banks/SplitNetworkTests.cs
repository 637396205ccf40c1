using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Grid.Messages;
using MoeLora.Serving.Tests;
using Orleans.Core.Internal;

namespace MoeLora.Grid.Tests.Banks;

/// <summary>The two sides of a split network: clusters that do not know of each other, each with a gate of its own for the same bank, on one storage.</summary>
public sealed class SplitNetworkTests : IAsyncLifetime
{
    private readonly TemporaryDirectory _folder = new();
    private BankCluster _one = null!;
    private BankCluster? _other;

    public async Task InitializeAsync()
    {
        _one = new BankCluster { SharedFolder = _folder.Path, SiloCount = 2 };
        await _one.InitializeAsync();
        await _one.ServeAsync("clinic", "1");
        await _one.ServeAsync("clinic", "2");
        await _one.PublishAsync("clinic", "3");
        await _one.DoAsync(new LoadVersion("clinic", "3"));
        _other = new BankCluster { SharedFolder = _folder.Path, SiloCount = 1, Storage = _one.Storage };
        await _other.InitializeAsync();
        await BankCluster.UntilAsync(() => _other.Silos.All(silo => _other.Follower(silo).Follows("clinic")));
    }

    public async Task DisposeAsync()
    {
        if (_other is not null)
            await _other.DisposeAsync();
        await _one.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Gates_OfBothSides_CommandedAtOnce_OneFlipsAndBothSidesFollowIt()
    {
        (RolloutCommand One, RolloutCommand Other)[] rounds =
        [
            (new RollBack("clinic"), new RollBack("clinic")),
            (new RollBack("clinic"), new RollBack("clinic")),
            (new ActivateVersion("clinic", "3"), new RollBack("clinic")),
        ];
        foreach ((RolloutCommand one, RolloutCommand other) in rounds)
        {
            BankMessage before = await ReadByBothAsync();
            GridResult<AdapterVersionStatus>[] results = await Task.WhenAll(ExecuteAsync(_one, one), ExecuteAsync(_other!, other));

            AdapterVersionStatus[] done = [.. results.Where(result => result.TryGet(out _, out _)).Select(BankCluster.Value)];
            GridError[] refused = [.. results.Where(result => !result.TryGet(out _, out _)).Select(BankCluster.Error)];
            Assert.Equal((RolloutState.Active, GridErrorKind.Conflict), (Assert.Single(done).State, Assert.Single(refused).Kind));
            BankMessage after = await ReadByBothAsync();
            Assert.Equal((done[0].Version, before.Active), (after.Active, after.Previous));
            foreach (BankNode node in _one.Nodes.Concat(_other!.Nodes))
                await BankCluster.UntilAsync(() => node.Answers("clinic/triage") == $"clinic@{after.Active}");
        }
    }

    private static Task<GridResult<AdapterVersionStatus>> ExecuteAsync(BankCluster side, RolloutCommand command) => Task.Run(async () => await side.Rollouts(0).ExecuteAsync(command, BankCluster.Operator));

    /// <summary>Waits until both gates have read the same state, in which nothing drains: a drain's end is written too.</summary>
    private async Task<BankMessage> ReadByBothAsync()
    {
        BankMessage one = null!;
        await BankCluster.UntilAsync(async () =>
        {
            one = await _one.Gate("clinic").DescribeAsync();
            BankMessage other = await _other!.Gate("clinic").DescribeAsync();
            if (one.Revision == other.Revision)
                return !one.Versions.Any(version => version.State == RolloutState.Draining);
            // It finds out by itself only when it is to change something.
            await (one.Revision < other.Revision ? _one : _other).Gate("clinic").Cast<IGrainManagementExtension>().DeactivateOnIdle();
            return false;
        });
        return one;
    }
}
