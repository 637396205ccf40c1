using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Serving.Rollouts;
using MoeLora.Serving.Tests.Databases;

namespace MoeLora.Serving.Tests.Rollouts;

/// <summary>A version goes back to the one before it, or out of service.</summary>
public sealed class RollBackTests
{
    [Theory, OnSqlite, OnPostgreSql]
    public async Task RollBack_AfterAnActivation_IsInstantAndLoadsNothing(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.ServeAsync("2");
        int loads = node.Host.Loads.Count;

        AdapterVersionStatus status = await node.DoAsync(new RollBack("clinic"));

        Assert.Equal(("1", RolloutState.Active), (status.Version, status.State));
        Assert.Equal("clinic@1", node.Answers());
        Assert.Equal(loads, node.Host.Loads.Count);
        await node.DoAsync(new RollBack("clinic"));
        Assert.Equal("clinic@2", node.Answers());
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task RollBack_WhileTheVersionBeforeDrains_CallsTheDrainOff(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind, new RolloutOptions { KeepPrevious = false });
        await node.ServeAsync("1");
        using VersionPin running = node.Begin();
        await node.ServeAsync("2");
        Assert.Equal(RolloutState.Draining, await node.StateAsync("1"));

        await node.DoAsync(new RollBack("clinic"));

        Assert.Equal("clinic@1", node.Answers());
        Assert.Equal(1, node.Host.Loads.Count(load => load == "clinic@1"));
        Assert.Empty(((FakeVersion)running.Version.Loaded).Ended);
        Assert.Contains("1: Draining → Verified (operator-1)", await node.LogAsync());
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task RollBack_ToAVersionOutOfMemory_LoadsItAgain(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind, new RolloutOptions { KeepPrevious = false });
        await node.ServeAsync("1");
        await node.ServeAsync("2");
        await node.UntilAsync("1", RolloutState.Retired);

        await node.DoAsync(new RollBack("clinic"));

        Assert.Equal("clinic@1", node.Answers());
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task RollBack_ThatCannotLoad_LeavesTheActiveVersion(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind, new RolloutOptions { KeepPrevious = false });
        await node.ServeAsync("1");
        await node.ServeAsync("2");
        await node.UntilAsync("1", RolloutState.Retired);
        node.Host.Refused["clinic@1"] = "no memory is left.";

        await node.RefusedAsync(new RollBack("clinic"));

        Assert.Equal("clinic@2", node.Answers());
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task RollBack_EndsACanary(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.ServeAsync("2");
        await node.PublishAsync("3");
        await node.DoAsync(new StartCanary("clinic", "3", new CanaryRule(1, [])));
        Assert.Equal("clinic@3", node.Answers());

        await node.DoAsync(new RollBack("clinic"));

        Assert.Equal("clinic@1", node.Answers());
        Assert.Equal((RolloutState.Verified, null), ((await node.StatusAsync("3")).State, (await node.StatusAsync("3")).Canary));
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task RollBack_WithNothingBefore_IsAConflict(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");

        Assert.Equal(GridErrorKind.Conflict, (await node.RefusedAsync(new RollBack("clinic"))).Kind);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Retire_AtItsDeadline_EndsWhatRunsAndFreesOnlyThen(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.ServeAsync("2");
        VersionPin running = node.Begin("triage@1");
        var version = (FakeVersion)running.Version.Loaded;
        version.EndsAtOnce = false;

        Assert.Equal(RolloutState.Draining, (await node.DoAsync(new RetireVersion("clinic", "1", TimeSpan.FromSeconds(30)))).State);
        await node.AdvanceAsync(TimeSpan.FromSeconds(29));
        Assert.Empty(version.Ended);
        await node.AdvanceAsync(TimeSpan.FromSeconds(2));

        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        while (version.Ended.IsEmpty)
            await Task.Delay(1, limit.Token);
        Assert.Equal(GridErrorKind.Withdrawn, Assert.Single(version.Ended).Kind);
        Assert.True(node.Host.Memory.ContainsKey("clinic@1")); // its last pin is not back yet
        running.Dispose();
        await node.UntilAsync("1", RolloutState.Retired);
        Assert.Equal("1 answers were ended at its deadline.", TestNode.Value(await node.Rollouts.HistoryAsync("clinic", 1)).Single().Reason);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Retire_ActiveVersion_IsAConflict(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");

        GridError error = await node.RefusedAsync(new RetireVersion("clinic", "1"));

        Assert.Equal(GridErrorKind.Conflict, error.Kind);
        Assert.Equal("clinic@1", node.Answers());
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Retire_PublishedVersion_IsRetiredAndCanBeLoadedAgain(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.PublishAsync("1");

        Assert.Equal(RolloutState.Retired, (await node.DoAsync(new RetireVersion("clinic", "1", TimeSpan.Zero))).State);

        Assert.Equal(RolloutState.Active, (await node.ActivateAsync("1")).State);
    }
}
