using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Rollouts;
using MoeLora.Serving.Tests.Databases;

namespace MoeLora.Serving.Tests.Rollouts;

/// <summary>What a node finds after a crash, and what it does when its database fails.</summary>
public sealed class RecoveryTests
{
    [Theory, OnSqlite, OnPostgreSql]
    public async Task Start_AfterACrash_ServesWhatWasServed(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.ServeAsync("2");
        await node.PublishAsync("3");
        await node.PublishAsync("4");
        await node.PublishAsync("5");
        await node.DoAsync(new StartCanary("clinic", "3", new CanaryRule(0.25, [TenantId.Parse("ward-7")])));
        await node.DoAsync(new StartShadow("clinic", "4", 0.5));
        string[] log = await node.LogAsync();

        await node.CrashAndStartAsync();

        Assert.Equal("clinic@2", node.Host.Loads.First()); // what answers comes first
        Assert.Equal(["clinic@1", "clinic@2", "clinic@3", "clinic@4"], node.Host.Memory.Keys.Order());
        Assert.Equal("clinic@3", node.Answers(tenant: "ward-7"));
        Assert.Equal(0.25, (await node.StatusAsync("3")).Canary!.Share);
        Assert.Equal(0.5, (await node.StatusAsync("4")).Shadow!.Share);
        Assert.Equal(RolloutState.Published, await node.StateAsync("5"));
        Assert.Equal(log, await node.LogAsync()); // a restart is no change
        Assert.Empty(node.Rollouts.Problems);
        await node.DoAsync(new RollBack("clinic"));
        Assert.Equal("clinic@1", node.Answers());
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Start_AfterACrashWhileLoading_PublishesTheVersionAgain(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.PublishAsync("2");
        node.Host.Hold("clinic@2");
        _ = node.Rollouts.ExecuteAsync(new ActivateVersion("clinic", "2"), TestNode.Operator);
        await node.Host.ArrivalAsync("clinic@2");

        await node.CrashAndStartAsync();

        Assert.Equal(RolloutState.Published, await node.StateAsync("2"));
        Assert.Equal("clinic@1", node.Answers());
        Assert.Equal("2: Loading → Published (node)", (await node.LogAsync())[^1]);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Start_LastCommitOfThePredecessorComesInLate_Starts(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.PublishAsync("2");
        node.Host.Hold("clinic@2");
        _ = node.Rollouts.ExecuteAsync(new ActivateVersion("clinic", "2"), TestNode.Operator);
        await node.Host.ArrivalAsync("clinic@2");
        node.Crash();
        node.Registry.CommittedByAnother = true;

        await node.Rollouts.StartAsync(null, CancellationToken.None);

        Assert.Equal((RolloutState.Published, "clinic@1"), (await node.StateAsync("2"), node.Answers()));
        Assert.Single(await node.LogAsync(), line => line.StartsWith("2: Loading → Published", StringComparison.Ordinal));
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Start_AfterACrashWhileDraining_RetiresTheVersion(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.ServeAsync("2");
        node.Begin("triage@1"); // never ends: the crash takes it
        await node.DoAsync(new RetireVersion("clinic", "1"));

        await node.CrashAndStartAsync();

        Assert.Equal(RolloutState.Retired, await node.StateAsync("1"));
        Assert.Equal(["clinic@2"], node.Host.Memory.Keys);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Start_ActiveVersionCannotBeLoaded_SaysWhyAndNobodyElseAnswers(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.ServeAsync("2");
        node.Crash();
        node.Host.Refused["clinic@2"] = "no memory is left.";

        await node.Rollouts.StartAsync(null, CancellationToken.None);

        const string problem = "clinic@2 could not be loaded when the node started: no memory is left.";
        Assert.Equal([problem], node.Rollouts.Problems);
        Assert.Equal((GridErrorKind.NotReady, problem), (TestNode.Error(node.Admit("triage")).Kind, node.Answers()));
        Assert.Equal(problem, node.Answers("triage@2"));
        Assert.Equal("clinic@1", node.Answers("triage@1")); // is in memory, and was asked for by name
        AdapterVersionStatus status = await node.StatusAsync("2");
        Assert.Equal((RolloutState.Active, problem), (status.State, status.Problem));
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task RollBack_FromAnActiveVersionThatCannotBeLoaded_Serves(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.ServeAsync("2");
        node.Crash();
        node.Host.Refused["clinic@2"] = "no memory is left.";
        await node.Rollouts.StartAsync(null, CancellationToken.None);

        await node.DoAsync(new RollBack("clinic"));

        Assert.Equal("clinic@1", node.Answers());
        Assert.Empty(node.Rollouts.Problems);
        Assert.Equal(RolloutState.Failed, await node.StateAsync("2"));
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Activate_ActiveVersionThatCouldNotBeLoaded_LoadsItAgain(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        node.Crash();
        node.Host.Refused["clinic@1"] = "no memory is left.";
        await node.Rollouts.StartAsync(null, CancellationToken.None);
        await node.RefusedAsync(new ActivateVersion("clinic", "1"));
        node.Host.Refused.Clear();

        await node.ActivateAsync("1");

        Assert.Equal("clinic@1", node.Answers());
        Assert.Null((await node.StatusAsync("1")).Problem);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Start_CanaryCannotBeLoaded_FailsItAndTheActiveVersionAnswers(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.PublishAsync("2");
        await node.DoAsync(new StartCanary("clinic", "2", new CanaryRule(1, [])));
        node.Crash();
        node.Host.Refused["clinic@2"] = "no memory is left.";

        await node.Rollouts.StartAsync(null, CancellationToken.None);

        Assert.Equal("clinic@1", node.Answers());
        Assert.Equal((RolloutState.Failed, "no memory is left."), ((await node.StatusAsync("2")).State, (await node.StatusAsync("2")).Problem));
    }

    [Fact]
    public async Task Commands_BeforeStart_AreNotReady()
    {
        await using TestNode node = await TestNode.StartAsync(DatabaseKind.Sqlite);
        await node.ServeAsync("1");
        node.Crash();

        Assert.Equal(GridErrorKind.NotReady, (await node.RefusedAsync(new RollBack("clinic"))).Kind);
    }

    [Fact]
    public async Task Dispose_WithLoadsDrainsAndAnswers_EndsThemAll()
    {
        TestNode node = await TestNode.StartAsync(DatabaseKind.Sqlite);
        await node.ServeAsync("1");
        await node.ServeAsync("2");
        VersionPin old = node.Begin("triage@1");
        VersionPin running = node.Begin();
        await node.DoAsync(new RetireVersion("clinic", "1"));
        await node.PublishAsync("3");
        node.Host.Hold("clinic@3");
        Task<GridResult<AdapterVersionStatus>> load = node.Rollouts.ExecuteAsync(new LoadVersion("clinic", "3"), TestNode.Operator).AsTask();
        await node.Host.ArrivalAsync("clinic@3");

        await node.DisposeAsync(); // asserts that nothing is left in memory

        Assert.Equal(GridErrorKind.Stopping, TestNode.Error(await load).Kind);
        Assert.Equal(GridErrorKind.Stopping, Assert.Single(((FakeVersion)old.Version.Loaded).Ended).Kind);
        Assert.Equal(GridErrorKind.Stopping, Assert.Single(((FakeVersion)running.Version.Loaded).Ended).Kind);
        Assert.Equal(GridErrorKind.Stopping, TestNode.Error(node.Admit("triage")).Kind);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Activate_CommitFails_ChangesNothing(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.PublishAsync("2");
        await node.DoAsync(new LoadVersion("clinic", "2"));
        node.Registry.FailBefore = true;

        GridError error = await node.RefusedAsync(new ActivateVersion("clinic", "2"));

        Assert.Equal(GridErrorKind.Unavailable, error.Kind);
        Assert.Equal("clinic@1", node.Answers());
        await node.ActivateAsync("2");
        Assert.Equal("clinic@2", node.Answers());
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Activate_CommitSucceedsButItsAnswerIsLost_ShowsWhatTheDatabaseSays(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind, new RolloutOptions { KeepPrevious = false });
        await node.ServeAsync("1");
        await node.PublishAsync("2");
        await node.DoAsync(new LoadVersion("clinic", "2"));
        node.Registry.FailAfter = true;

        await node.RefusedAsync(new ActivateVersion("clinic", "2"));

        Assert.Equal("clinic@2", node.Answers());
        await node.UntilAsync("1", RolloutState.Retired);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Activate_DatabaseGoneAltogether_KeepsServingAndFindsTheTruthLater(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.PublishAsync("2");
        await node.DoAsync(new LoadVersion("clinic", "2"));
        node.Registry.FailAfter = true;
        node.Registry.Unreadable = true;

        await node.RefusedAsync(new ActivateVersion("clinic", "2"));
        Assert.Equal("clinic@1", node.Answers());
        Assert.Equal(GridErrorKind.Unavailable, (await node.RefusedAsync(new RollBack("clinic"))).Kind);
        node.Registry.Unreadable = false;
        await node.DoAsync(new LoadVersion("clinic", "1")); // any command reads the bank again first

        Assert.Equal("clinic@2", node.Answers());
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Load_ProvenButNotWritten_IsFreedAndCanBeLoadedAgain(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.PublishAsync("1");
        TaskCompletionSource gate = node.Host.Hold("clinic@1");
        Task<GridError> load = node.RefusedAsync(new LoadVersion("clinic", "1"));
        await node.Host.ArrivalAsync("clinic@1");
        node.Registry.FailBefore = true;
        gate.SetResult();

        Assert.Equal(GridErrorKind.Unavailable, (await load).Kind);

        Assert.Empty(node.Host.Memory);
        Assert.Equal(RolloutState.Verified, (await node.DoAsync(new LoadVersion("clinic", "1"))).State);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Drain_EndNotWritten_IsWrittenWithTheNextChange(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.ServeAsync("2");
        VersionPin running = node.Begin("triage@1");
        await node.DoAsync(new RetireVersion("clinic", "1"));
        node.Registry.FailBefore = true;
        running.Dispose();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        while (node.Registry.FailBefore)
            await Task.Delay(1, limit.Token);

        await node.PublishAsync("3");

        Assert.Equal(RolloutState.Retired, await node.StateAsync("1"));
        Assert.Equal(["clinic@2"], node.Host.Memory.Keys);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Change_OfABankThatSomebodyElseChanged_IsAConflict(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.PublishAsync("1");
        await node.PublishAsync("2");
        var bank = new MoeLora.Adapters.Bundles.AdapterName("clinic");
        var other = new MoeLora.Serving.Registry.BankChange(await node.Registry.ReadAsync(bank, CancellationToken.None), node.Time.GetUtcNow(), "elsewhere");
        other.Move(new MoeLora.Adapters.Bundles.AdapterVersion("1"), RolloutState.Retired);
        await node.Registry.CommitAsync(other);

        Assert.Equal(GridErrorKind.Conflict, (await node.RefusedAsync(new RetireVersion("clinic", "2"))).Kind);

        Assert.Equal((RolloutState.Retired, RolloutState.Published), (await node.StateAsync("1"), await node.StateAsync("2")));
    }
}
