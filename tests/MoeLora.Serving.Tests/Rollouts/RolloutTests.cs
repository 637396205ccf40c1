using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Rollouts;
using MoeLora.Serving.Tests.Databases;
using MoeLora.Serving.Tests.Registry;

namespace MoeLora.Serving.Tests.Rollouts;

public sealed class RolloutTests
{
    [Theory, OnSqlite, OnPostgreSql]
    public async Task Publish_NewBundle_IsAPublishedVersionOfItsBank(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);

        AdapterVersionStatus status = await node.PublishAsync("1");

        TestBundle bundle = TestBundle.Make("clinic", "1");
        Assert.Equal(("clinic", "1", bundle.Hash.ToString(), RolloutState.Published), (status.Bank, status.Version, status.BundleHash, status.State));
        Assert.Equal("sha256:" + TestBundle.BaseModelHash, status.BaseModelHash);
        Assert.Equal(["1 triage", "2 coding"], status.Tasks.Select(task => $"{task.Key} {task.Value}"));
        Assert.Equal(["1: - → Published (operator-1)"], await node.LogAsync());
        Assert.Empty(node.Host.Loads);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Publish_SameBundleAgain_ChangesNothing(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        string[] log = await node.LogAsync();

        AdapterVersionStatus status = await node.PublishAsync("1");

        Assert.Equal(RolloutState.Active, status.State);
        Assert.Equal(log, await node.LogAsync());
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Publish_AnotherBundleOfAVersion_IsAConflict(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.PublishAsync("1");
        TestBundle other = TestBundle.Make("clinic", "1", seed: 7);

        GridError error = TestNode.Error(await node.Rollouts.PublishAsync(other.Upload(), TestNode.Operator));

        Assert.Equal(GridErrorKind.Conflict, error.Kind);
        Assert.DoesNotContain(Directory.EnumerateDirectories(node.StoreDirectory), path => path.EndsWith(other.Hash.ToString()[7..], StringComparison.Ordinal));
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Publish_ForAnotherBaseModel_IsRefusedAndNotKept(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);

        GridError error = TestNode.Error(await node.Rollouts.PublishAsync(TestBundle.Make("clinic", "1", new string('b', 64)).Upload(), TestNode.Operator));

        Assert.Equal(GridErrorKind.InvalidRequest, error.Kind);
        Assert.Contains("small (sha256:aaaa", error.Message, StringComparison.Ordinal);
        Assert.Equal(["incoming"], Directory.EnumerateDirectories(node.StoreDirectory).Select(Path.GetFileName));
        Assert.Empty(TestNode.Value(await node.Rollouts.ListVersionsAsync()));
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Load_PublishedVersion_IsVerifiedAndAnswersOnlyByName(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.PublishAsync("1");

        Assert.Equal(RolloutState.Verified, (await node.DoAsync(new LoadVersion("clinic", "1"))).State);

        Assert.Equal("clinic@1", node.Answers("triage@1"));
        Assert.Contains("No version of the bank 'clinic' is active", node.Answers("triage"), StringComparison.Ordinal);
        Assert.Equal(["1: - → Published (operator-1)", "1: Published → Loading (operator-1)", "1: Loading → Verified (node)"], await node.LogAsync());
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Activate_FirstVersion_AnswersNewRequests(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.PublishAsync("1");

        Assert.Equal(RolloutState.Active, (await node.ActivateAsync("1")).State);

        Assert.All(["triage", "clinic/triage", "triage@1", "clinic/coding@1", "1", "clinic/2"], model => Assert.Equal("clinic@1", node.Answers(model)));
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Activate_NextVersion_TakesNewRequestsWhileTheOldFinishesItsOwn(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        using VersionPin old = node.Begin();

        await node.ServeAsync("2");

        Assert.Equal("clinic@2", node.Answers());
        Assert.Equal("clinic@1", old.Version.Key.ToString());
        Assert.Equal(1, (await node.StatusAsync("1")).RunningSequences);
        Assert.Equal(RolloutState.Verified, await node.StateAsync("1")); // kept for a rollback
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Activate_ThirdVersion_TakesTheFirstOutOfMemory(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.ServeAsync("2");
        VersionPin old = node.Begin("triage@1");

        await node.ServeAsync("3");

        Assert.Equal(RolloutState.Draining, await node.StateAsync("1"));
        Assert.True(node.Host.Memory.ContainsKey("clinic@1"));
        Assert.Contains("is draining and cannot answer; these versions can answer: 2, 3", node.Answers("triage@1"), StringComparison.Ordinal);
        old.Dispose();
        await node.UntilAsync("1", RolloutState.Retired);
        Assert.Equal(["clinic@2", "clinic@3"], node.Host.Memory.Keys.Order());
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Activate_WithoutKeeping_DrainsTheVersionBefore(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind, new RolloutOptions { KeepPrevious = false });
        await node.ServeAsync("1");

        await node.ServeAsync("2");

        await node.UntilAsync("1", RolloutState.Retired);
        Assert.Equal(["clinic@2"], node.Host.Memory.Keys);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Activate_WhenTheProofFails_LeavesTheActiveVersion(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.PublishAsync("2");
        node.Host.Refused["clinic@2"] = "its checks differ.";

        GridError error = await node.RefusedAsync(new ActivateVersion("clinic", "2"));

        Assert.Contains("its checks differ.", error.Message, StringComparison.Ordinal);
        AdapterVersionStatus failed = await node.StatusAsync("2");
        Assert.Equal((RolloutState.Failed, "its checks differ."), (failed.State, failed.Problem));
        Assert.Equal("clinic@1", node.Answers());
        Assert.Equal(["clinic@1"], node.Host.Memory.Keys);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Activate_WhenTheHostThrows_FailsWithoutItsMessage(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.PublishAsync("1");
        node.Host.Thrown["clinic@1"] = new InvalidOperationException("/secret/path");

        GridError error = await node.RefusedAsync(new ActivateVersion("clinic", "1"));

        Assert.Contains("InvalidOperationException", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("/secret", error.Message + (await node.StatusAsync("1")).Problem, StringComparison.Ordinal);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Activate_FailedVersionAfterItsCauseIsMended_Serves(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.PublishAsync("1");
        node.Host.Refused["clinic@1"] = "no memory is left.";
        await node.RefusedAsync(new ActivateVersion("clinic", "1"));
        node.Host.Refused.Clear();

        AdapterVersionStatus status = await node.ActivateAsync("1");

        Assert.Equal((RolloutState.Active, null), (status.State, status.Problem));
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Activate_BundleDamagedInTheStore_FailsAndNamesNoPath(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        AdapterVersionStatus status = await node.PublishAsync("1");
        File.WriteAllBytes(Path.Combine(node.StoreDirectory, status.BundleHash.Replace(':', '-'), "adapter_model.safetensors"), new byte[256]);

        GridError error = await node.RefusedAsync(new ActivateVersion("clinic", "1"));

        Assert.Contains("changed or damaged", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(node.StoreDirectory, error.Message, StringComparison.Ordinal);
        await node.PublishAsync("1"); // puts the whole bundle in its place
        Assert.Equal(RolloutState.Active, (await node.ActivateAsync("1")).State);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Activate_GivenUpWhileItLoads_IsPublishedAgain(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.PublishAsync("2");
        node.Host.Hold("clinic@2");
        using var giveUp = new CancellationTokenSource();
        Task<GridResult<AdapterVersionStatus>> activation = node.Rollouts.ExecuteAsync(new ActivateVersion("clinic", "2"), TestNode.Operator, giveUp.Token).AsTask();
        await node.Host.ArrivalAsync("clinic@2");
        Assert.Equal(RolloutState.Loading, await node.StateAsync("2"));
        Assert.Equal("clinic@1", node.Answers());

        await giveUp.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => activation);
        Assert.Equal(RolloutState.Published, await node.StateAsync("2"));
        Assert.Equal("clinic@1", node.Answers());
    }

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

        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
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

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Canary_ByTenant_GetsThatTenantsRequestsOnly(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.PublishAsync("2");

        AdapterVersionStatus status = await node.DoAsync(new StartCanary("clinic", "2", new CanaryRule(0, [TenantId.Parse("ward-7")])));

        Assert.Equal((RolloutState.Canary, "ward-7"), (status.State, status.Canary!.Tenants.Single().Text));
        Assert.Equal("clinic@2", node.Answers(tenant: "ward-7"));
        Assert.Equal("clinic@1", node.Answers(tenant: "ward-8"));
        Assert.Equal("clinic@1", node.Answers("triage@1", tenant: "ward-7"));
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Canary_Ended_IsVerified(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.PublishAsync("2");
        await node.DoAsync(new StartCanary("clinic", "2", new CanaryRule(1, [])));

        Assert.Equal(RolloutState.Verified, (await node.DoAsync(new StartCanary("clinic", "2", new CanaryRule(0, [])))).State);

        Assert.Equal("clinic@1", node.Answers());
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Canary_OfAnotherVersion_TakesItsPlace(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.PublishAsync("2");
        await node.PublishAsync("3");
        await node.DoAsync(new StartCanary("clinic", "2", new CanaryRule(1, [])));

        await node.DoAsync(new StartCanary("clinic", "3", new CanaryRule(1, [])));

        Assert.Equal("clinic@3", node.Answers());
        Assert.Equal(RolloutState.Verified, await node.StateAsync("2"));
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(-0.1)]
    [InlineData(1.1)]
    public async Task Canary_ShareOutsideItsRange_IsRefused(double share)
    {
        await using TestNode node = await TestNode.StartAsync(DatabaseKind.Sqlite);
        await node.ServeAsync("1");
        await node.PublishAsync("2");

        Assert.Equal("share", (await node.RefusedAsync(new StartCanary("clinic", "2", new CanaryRule(share, [])))).Param);
        Assert.Equal("share", (await node.RefusedAsync(new StartShadow("clinic", "2", share))).Param);
        Assert.Equal(RolloutState.Published, await node.StateAsync("2"));
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Shadow_Started_GetsCopiesAndCountsWhatTheyShow(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.PublishAsync("2");

        await node.DoAsync(new StartShadow("clinic", "2", 1));

        RoutedRequest request = TestNode.Value(node.Admit("triage"));
        Assert.Equal(("clinic@1", "clinic@2"), (request.Pin.Version.Key.ToString(), request.ShadowPin!.Version.Key.ToString()));
        request.ShadowPin.Version.Shadow.Add(equal: true);
        request.ShadowPin.Version.Shadow.Add(equal: false);
        request.ShadowPin.Version.Shadow.Drop();
        request.Pin.Dispose();
        request.ShadowPin.Dispose();
        RoutedRequest named = TestNode.Value(node.Admit("triage@1"));
        Assert.Null(named.ShadowPin);
        named.Pin.Dispose();
        Assert.Equal(new ShadowStatus(1, 2, 1, 1), (await node.StatusAsync("2")).Shadow);
        await node.DoAsync(new StartShadow("clinic", "2", 0));
        RoutedRequest alone = TestNode.Value(node.Admit("triage"));
        Assert.Null(alone.ShadowPin);
        alone.Pin.Dispose();
    }

    [Fact]
    public async Task Shadow_OnAnotherBaseModel_IsRefused()
    {
        await using TestNode node = await TestNode.StartAsync(DatabaseKind.Sqlite);
        await node.ServeAsync("1");
        TestNode.Value(await node.Rollouts.PublishAsync(TestBundle.Make("clinic", "2", TestBundle.OtherBaseModelHash).Upload(), TestNode.Operator));

        GridError error = await node.RefusedAsync(new StartShadow("clinic", "2", 1));

        Assert.Equal(GridErrorKind.Conflict, error.Kind);
        Assert.Contains("another base model", error.Message, StringComparison.Ordinal);
        Assert.Equal(RolloutState.Published, await node.StateAsync("2"));
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Commands_OnUnknownNames_AreNotFound(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.PublishAsync("1");

        Assert.Equal(GridErrorKind.NotFound, (await node.RefusedAsync(new ActivateVersion("clinic", "9"))).Kind);
        Assert.Equal(GridErrorKind.NotFound, (await node.RefusedAsync(new ActivateVersion("ward", "1"))).Kind);
        Assert.Equal(GridErrorKind.NotFound, (await node.RefusedAsync(new RollBack("../clinic"))).Kind);
        Assert.Equal(GridErrorKind.NotFound, TestNode.Error(await node.Rollouts.HistoryAsync("ward", 10)).Kind);
        Assert.Equal(GridErrorKind.InvalidRequest, TestNode.Error(await node.Rollouts.HistoryAsync("clinic", 0)).Kind);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Banks_OnOneNode_AreRolledOutApart(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.PublishAsync("1", "radiology", "report", "triage");
        await node.DoAsync(new ActivateVersion("radiology", "1"));
        TaskCompletionSource slow = node.Host.Hold("clinic@2");
        await node.PublishAsync("2");
        Task<AdapterVersionStatus> activation = node.ActivateAsync("2");
        await node.Host.ArrivalAsync("clinic@2");

        await node.PublishAsync("2", "radiology", "report");
        await node.DoAsync(new ActivateVersion("radiology", "2")); // does not wait for the other bank

        Assert.Equal("radiology@2", node.Answers("report"));
        Assert.Equal("clinic@1", node.Answers("triage")); // of one bank only, since radiology@2 has no such task
        slow.SetResult();
        await activation;
        Assert.Equal("clinic@2", node.Answers("triage"));
    }
}
