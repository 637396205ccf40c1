using Microsoft.Extensions.Logging.Abstractions;
using MoeLora.Contracts.Rollouts;
using MoeLora.Grid.Banks;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Tests.Silos;
using MoeLora.Serving.Tests;
using MoeLora.Serving.Tests.Registry;

namespace MoeLora.Grid.Tests.Banks;

/// <summary>A silo alone, told what gates would tell it.</summary>
public sealed class BankFollowerTests : IAsyncLifetime
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ManualClock _clock = new();
    private readonly BankNode _node;
    private readonly BankFollower _follower;

    public BankFollowerTests()
    {
        _node = new BankNode("silo", _directory["silo"]);
        _follower = new BankFollower(_node, null!, _clock, NullLogger<BankFollower>.Instance); // every bundle is here already
    }

    public async Task InitializeAsync()
    {
        await _node.StartAsync();
        foreach (string version in (string[])["1", "2", "3"])
            BankCluster.Value(await _node.StoreBundleAsync(TestBundle.Make("clinic", version).Upload(), _ => null));
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task Reports_WhileTheFirstVersionLoads_SayThatTheBankIsNotThereYet()
    {
        TaskCompletionSource loaded = _node.Host.Hold("clinic@1");
        Task<FollowReply> pass = _follower.FollowAsync(Bank(1, active: "1"));
        await _node.Host.ArrivalAsync("clinic@1");

        Assert.Equal("The silo is fetching and loading the bank 'clinic'.", Assert.Single(_follower.Reports).Problem);
        Assert.False(_follower.MayAnswer("clinic", null));
        Assert.False(_follower.MayAnswer("clinic", "1"));
        loaded.SetResult();
        await pass;
        Assert.Null(Assert.Single(_follower.Reports).Problem);
        Assert.True(_follower.MayAnswer("clinic", null));
    }

    [Fact]
    public async Task Flip_HeldUpByALoad_EndsAnswersForTheBankAfterAWhile()
    {
        await _follower.FollowAsync(Bank(1, active: "1", "2"));
        TaskCompletionSource loaded = _node.Host.Hold("clinic@3");
        Task load = _follower.FollowAsync(Bank(2, active: "1", "2", "3"));
        await _node.Host.ArrivalAsync("clinic@3");
        Task flip = _follower.FollowAsync(Bank(3, active: "2", "1"));

        _clock.Advance(GateGrain.FlipPatience);
        Assert.True(_follower.Follows("clinic"));
        _clock.Advance(TimeSpan.FromTicks(1));
        Assert.False(_follower.Follows("clinic"));
        Assert.Equal("The silo has not changed to clinic@2 yet.", Assert.Single(_follower.Reports).Problem);
        Assert.True(_follower.MayAnswer("clinic", "1")); // who names a version gets it
        loaded.SetResult();
        await Task.WhenAll(load, flip);
        Assert.True(_follower.Follows("clinic"));
        Assert.Equal(("2", null), (Assert.Single(_follower.Reports).Active, Assert.Single(_follower.Reports).Problem));
    }

    /// <summary>A bank with an active version and others in memory.</summary>
    private static BankMessage Bank(long revision, string active, params string[] others) => new()
    {
        Bank = "clinic",
        Active = active,
        Revision = revision,
        Versions = [Version(active, RolloutState.Active), .. others.Select(version => Version(version, RolloutState.Verified))],
    };

    private static VersionMessage Version(string version, RolloutState state) => new()
    {
        Version = version,
        BundleHash = TestBundle.Make("clinic", version).Hash.ToString(),
        BaseModelHash = TestBundle.BaseModelHash,
        Tasks = [],
        State = state,
        Published = DateTimeOffset.UnixEpoch,
        Since = DateTimeOffset.UnixEpoch,
    };
}
