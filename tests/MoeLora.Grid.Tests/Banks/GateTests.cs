using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Grid.Banks;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;
using MoeLora.Serving.Rollouts;
using MoeLora.Serving.Tests.Registry;
using Orleans.TestingHost;
using Xunit.Abstractions;

namespace MoeLora.Grid.Tests.Banks;

/// <summary>Three silos that stay; each test has a bank of its own.</summary>
public sealed class GateTests(BankCluster cluster, ITestOutputHelper output) : IClassFixture<BankCluster>
{
    [Fact]
    public async Task Activate_PublishedOnOneSilo_AnswersOnAll()
    {
        await cluster.PublishAsync("all", "1", silo: 0);

        AdapterVersionStatus active = await cluster.DoAsync(new ActivateVersion("all", "1"), silo: 2);

        Assert.Equal((RolloutState.Active, TestBundle.Make("all", "1").Hash.ToString()), (active.State, active.BundleHash));
        Assert.All(cluster.Nodes, node => Assert.Equal("all@1", node.Answers("all/triage")));
        Assert.All(cluster.Silos, silo => Assert.True(cluster.Follower(silo).Follows("all")));
    }

    [Fact]
    public async Task Publish_OnOneSilo_IsNoVersionThatAnswersAndIsHeldByAll()
    {
        AdapterVersionStatus published = await cluster.PublishAsync("held", "1", silo: 1);

        Assert.Equal(RolloutState.Published, published.State);
        await BankCluster.UntilAsync(async () => (await Task.WhenAll(cluster.Nodes.Select(node => node.StateAsync("held", "1")))).All(state => state == RolloutState.Published));
        Assert.All(cluster.Nodes, node => Assert.DoesNotContain("held@1", node.Host.Loads));
    }

    [Fact]
    public async Task Publish_AnotherBundleOfAVersion_IsAConflictOnEverySilo()
    {
        await cluster.PublishAsync("twice", "1", silo: 0);

        GridError error = BankCluster.Error(await cluster.Rollouts(2).PublishAsync(TestBundle.Make("twice", "1", seed: 7).Upload(), BankCluster.Operator));

        Assert.Equal(GridErrorKind.Conflict, error.Kind);
        Assert.Contains("twice@1 is sha256:", error.Message, StringComparison.Ordinal);
        Assert.Equal(TestBundle.Make("twice", "1").Hash.ToString(), (await cluster.PublishAsync("twice", "1", silo: 1)).BundleHash); // the same again changes nothing
        Assert.Single(BankCluster.Value(await cluster.Rollouts(0).HistoryAsync("twice", 10)));
    }

    [Fact]
    public async Task Publish_ForABaseModelThatNobodyHas_IsRefused()
    {
        GridError error = BankCluster.Error(await cluster.Rollouts(0).PublishAsync(TestBundle.Make("strange", "1", new string('b', 64)).Upload(), BankCluster.Operator));

        Assert.Equal(GridErrorKind.InvalidRequest, error.Kind);
        Assert.Contains("small (sha256:aaaa", error.Message, StringComparison.Ordinal);
        Assert.Contains("There is no bank 'strange'", (await cluster.RefusedAsync(new RollBack("strange"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Activate_RefusedByOneSilo_KeepsTheOldOneEverywhereAndNamesIt()
    {
        await cluster.ServeAsync("refused", "1");
        BankNode second = cluster.Node(cluster.Silos[1]);
        second.Host.Refused["refused@2"] = "its checks differ.";
        await cluster.PublishAsync("refused", "2");

        GridError error = await cluster.RefusedAsync(new ActivateVersion("refused", "2"));

        Assert.Equal((GridErrorKind.InvalidRequest, $"refused@2 cannot be loaded: The silo {second.Name}: refused@2 cannot be loaded: its checks differ."), (error.Kind, error.Message));
        Assert.Equal(RolloutState.Failed, await cluster.StateAsync("refused", "2"));
        Assert.All(cluster.Nodes, node => Assert.Equal("refused@1", node.Answers("refused/triage")));
        await BankCluster.UntilAsync(() => cluster.Nodes.All(node => !node.Host.Memory.ContainsKey("refused@2")));
        Assert.All(cluster.Silos, silo => Assert.True(cluster.Follower(silo).Follows("refused")));

        second.Host.Refused.Clear();
        await cluster.DoAsync(new ActivateVersion("refused", "2"));
        Assert.All(cluster.Nodes, node => Assert.Equal("refused@2", node.Answers("refused/triage")));
    }

    [Fact]
    public async Task Canary_OfATenant_IsItsOnEverySiloUntilItEnds()
    {
        await cluster.ServeAsync("canary", "1");
        await cluster.PublishAsync("canary", "2");

        await cluster.DoAsync(new StartCanary("canary", "2", new CanaryRule(0, [TenantId.Parse("ward")])));

        Assert.All(cluster.Nodes, node => Assert.Equal("canary@2", node.Answers("canary/triage")));
        await cluster.DoAsync(new StartCanary("canary", "2", new CanaryRule(0, [])));
        Assert.All(cluster.Nodes, node => Assert.Equal("canary@1", node.Answers("canary/triage")));
        Assert.Equal(RolloutState.Verified, await cluster.StateAsync("canary", "2"));
    }

    [Fact]
    public async Task Shadow_OfAVersion_IsOneOnEverySilo()
    {
        await cluster.ServeAsync("shadow", "1");
        await cluster.PublishAsync("shadow", "2");

        AdapterVersionStatus status = await cluster.DoAsync(new StartShadow("shadow", "2", 0.5));

        Assert.Equal((RolloutState.Verified, 0.5), (status.State, status.Shadow?.Share));
        Assert.All(cluster.Nodes, node => Assert.Equal(0.5, node.Real.Routes.Find("shadow")!.ShadowShare));
        await cluster.DoAsync(new StartShadow("shadow", "2", 0));
        Assert.All(cluster.Nodes, node => Assert.Null(node.Real.Routes.Find("shadow")!.Shadow));
    }

    [Fact]
    public async Task Commands_ThatReturned_AreOnEverySilosBoard()
    {
        await cluster.ServeAsync("board", "1");
        await cluster.ServeAsync("board", "2");
        int late = 0;
        // Silos look by themselves at what they have, and ask the gate, at any moment.
        using var over = new CancellationTokenSource();
        Task[] looking = [.. cluster.Silos.Select(silo => Task.Run(async () =>
        {
            while (!over.IsCancellationRequested)
            {
                await cluster.Follower(silo).RefreshReportsAsync();
                await cluster.Follower(silo).FollowAsync(await cluster.Gate("board").DescribeAsync());
                await Task.Delay(1);
            }
        }))];
        for (int i = 0; i < 30; i++)
        {
            string active = (await cluster.DoAsync(new RollBack("board"), silo: i % 3)).Version;
            IEnumerable<string?> known = cluster.Silos.SelectMany(silo => silo.ServiceProvider.GetRequiredService<SiloBoard>().Reports)
                .Select(report => report.Banks.SingleOrDefault(bank => bank.Bank == "board")?.Active);
            late += known.Count(version => version != active);
        }

        await over.CancelAsync();
        await Task.WhenAll(looking);
        // Of 270; a silo that is too busy to hear of it within half a second does not hold up a command.
        Assert.InRange(late, 0, 5);
    }

    [Fact]
    public async Task RollBack_ToTheVersionBefore_LoadsNothing()
    {
        await cluster.ServeAsync("back", "1");
        await cluster.ServeAsync("back", "2");
        int loads = cluster.Nodes.Sum(node => node.Host.Loads.Count(key => key == "back@1"));

        AdapterVersionStatus active = await cluster.DoAsync(new RollBack("back"));

        Assert.Equal(("1", RolloutState.Active), (active.Version, active.State));
        Assert.All(cluster.Nodes, node => Assert.Equal("back@1", node.Answers("back/triage")));
        Assert.Equal(loads, cluster.Nodes.Sum(node => node.Host.Loads.Count(key => key == "back@1")));
    }

    [Fact]
    public async Task Activate_ThirdVersion_TakesTheFirstOutOfMemoryEverywhere()
    {
        await cluster.ServeAsync("third", "1");
        await cluster.ServeAsync("third", "2");

        await cluster.ServeAsync("third", "3");

        await BankCluster.UntilAsync(async () => await cluster.StateAsync("third", "1") == RolloutState.Retired);
        Assert.All(cluster.Nodes, node => Assert.Equal(["third@2", "third@3"], node.Host.Memory.Keys.Where(key => key.StartsWith("third@", StringComparison.Ordinal)).Order()));
    }

    [Fact]
    public async Task Retire_WhileASiloAnswersWithIt_DrainsUntilThatEnds()
    {
        await cluster.ServeAsync("drain", "1");
        await cluster.ServeAsync("drain", "2");
        BankNode last = cluster.Node(cluster.Silos[2]);
        VersionPin running = last.Begin("drain/triage@1");

        Assert.Equal(RolloutState.Draining, (await cluster.DoAsync(new RetireVersion("drain", "1"))).State);

        await BankCluster.UntilAsync(() => cluster.Nodes.Where(node => node != last).All(node => !node.Host.Memory.ContainsKey("drain@1")));
        AdapterVersionStatus draining = BankCluster.Value(await cluster.Rollouts(0).ListVersionsAsync()).Single(status => status is { Bank: "drain", Version: "1" });
        Assert.Equal((RolloutState.Draining, 1), (draining.State, draining.RunningSequences));
        Assert.True(last.Host.Memory.ContainsKey("drain@1"));
        running.Dispose();
        await BankCluster.UntilAsync(async () => await cluster.StateAsync("drain", "1") == RolloutState.Retired);
        Assert.False(last.Host.Memory.ContainsKey("drain@1"));
    }

    [Fact]
    public async Task Recall_OfARetiredVersion_KeepsItForTheAnswerThatNeedsIt()
    {
        await cluster.ServeAsync("recall", "1");
        await cluster.ServeAsync("recall", "2");
        await cluster.DoAsync(new RetireVersion("recall", "1"));
        await BankCluster.UntilAsync(async () => await cluster.StateAsync("recall", "1") == RolloutState.Retired);
        InProcessSiloHandle silo = cluster.Silos[1];

        Assert.Null(await cluster.Follower(silo).RecallAsync("recall", "1", CancellationToken.None));

        await cluster.PublishAsync("recall", "3"); // the silos follow a new state
        await cluster.DoAsync(new LoadVersion("recall", "3"));
        Assert.Equal("recall@1", cluster.Node(silo).Answers("recall/triage@1"));
        Assert.Equal("recall@2", cluster.Node(silo).Answers("recall/triage"));
    }

    [Fact]
    public async Task Recall_ThatIsOver_TakesTheVersionOutOfMemoryAgain()
    {
        await cluster.ServeAsync("over", "1");
        await cluster.ServeAsync("over", "2");
        await cluster.DoAsync(new RetireVersion("over", "1"));
        await BankCluster.UntilAsync(async () => await cluster.StateAsync("over", "1") == RolloutState.Retired);
        InProcessSiloHandle silo = cluster.Silos[1];
        BankFollower follower = cluster.Follower(silo);
        TimeSpan usual = follower.RecallTime;
        try
        {
            follower.RecallTime = TimeSpan.Zero;
            Assert.Null(await follower.RecallAsync("over", "1", CancellationToken.None));

            // Although the gate decides nothing new.
            await BankCluster.UntilAsync(() => !cluster.Node(silo).Host.Memory.ContainsKey("over@1"));
        }
        finally
        {
            follower.RecallTime = usual;
        }
    }

    [Fact]
    public async Task Commands_ThatAreNotAllowed_AreRefusedAsOneNodeRefusesThem()
    {
        await cluster.ServeAsync("rules", "1");
        await cluster.PublishAsync("rules", "2");

        Assert.Equal(
            [
                "NotFound: The bank 'rules' has no version '9'. It has: 1, 2.",
                "Conflict: No version of the bank 'rules' was active before; there is nothing to roll back to.",
                "Conflict: rules@1 is active: it answers all new requests already.",
                "Conflict: rules@1 is active: activate another version or roll back first.",
                "InvalidRequest: 'share' must be between 0 and 1.",
            ],
            await Task.WhenAll(new RolloutCommand[]
            {
                new ActivateVersion("rules", "9"), new RollBack("rules"), new StartCanary("rules", "1", new CanaryRule(0.5, [])), new RetireVersion("rules", "1"), new StartShadow("rules", "2", 2),
            }.Select(async command => await cluster.RefusedAsync(command) is var error ? $"{error.Kind}: {error.Message}" : "")));
    }

    [Fact]
    public async Task History_OfABank_TellsWhoDidWhatNewestFirst()
    {
        await cluster.ServeAsync("history", "1");

        IReadOnlyList<RolloutChange> history = BankCluster.Value(await cluster.Rollouts(2).HistoryAsync("history", 1000));

        Assert.Equal(
            ["1: - → Published (operator-1)", "1: Published → Loading (operator-1)", "1: Loading → Verified (gate)", "1: Verified → Active (operator-1)"],
            history.Reverse().Select(line => $"{line.Version}: {line.From?.ToString() ?? "-"} → {line.To} ({line.By})"));
        Assert.Single(BankCluster.Value(await cluster.Rollouts(2).HistoryAsync("history", 1)));
    }

    [Fact]
    public async Task Commands_OnOneBankAtOnce_TakeTurns()
    {
        await cluster.ServeAsync("turns", "1");
        await cluster.PublishAsync("turns", "2");
        await cluster.PublishAsync("turns", "3");

        GridResult<AdapterVersionStatus>[] results = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => cluster.Rollouts(i % 3).ExecuteAsync(new ActivateVersion("turns", i % 2 == 0 ? "2" : "3"), BankCluster.Operator).AsTask()));

        Assert.All(results, result => Assert.True(result.TryGet(out _, out GridError? error), error?.Message));
        BankMessage bank = await cluster.Gate("turns").DescribeAsync();
        Assert.Single(bank.Versions, version => version.State == RolloutState.Active);
        Assert.All(cluster.Nodes, node => Assert.Equal($"turns@{bank.Active}", node.Answers("turns/triage")));
    }

    [Fact]
    public async Task Transfer_Damaged_IsRefusedAndNothingOfItIsKept()
    {
        BankNode holder = cluster.Node(cluster.Silos[0]);
        holder.Sending = _ => Damage(TestBundle.Make("damaged", "1"));
        try
        {
            await cluster.PublishAsync("damaged", "1", silo: 0);
            GridError error = await cluster.RefusedAsync(new ActivateVersion("damaged", "1"));

            Assert.Contains("it was changed or damaged", error.Message, StringComparison.Ordinal);
            Assert.Null(await cluster.Node(cluster.Silos[1]).StateAsync("damaged", "1"));
        }
        finally
        {
            holder.Sending = archive => archive;
        }

        await cluster.DoAsync(new ActivateVersion("damaged", "1"));
        Assert.All(cluster.Nodes, node => Assert.Equal("damaged@1", node.Answers("damaged/triage")));
    }

    [Fact]
    public async Task Transfer_OfAnotherWholeBundle_IsRefused()
    {
        BankNode holder = cluster.Node(cluster.Silos[0]);
        TestBundle other = TestBundle.Make("other", "1", seed: 9);
        holder.Sending = _ => new MemoryStream(other.Zip());
        try
        {
            await cluster.PublishAsync("other", "1", silo: 0);
            GridError error = await cluster.RefusedAsync(new ActivateVersion("other", "1"));

            Assert.Contains($"it is {other.Hash} instead", error.Message, StringComparison.Ordinal);
        }
        finally
        {
            holder.Sending = archive => archive;
        }

        await cluster.DoAsync(new ActivateVersion("other", "1"));
        Assert.All(cluster.Nodes, node => Assert.Equal("other@1", node.Answers("other/triage")));
    }

    /// <summary>The figure that the grid promises: 2 s. A busy machine may take longer, so it is only bounded in the long run of the tests.</summary>
    [Fact]
    public async Task Activate_AfterTheLastSiloHasLoaded_IsActiveOnAllSoon()
    {
        await cluster.ServeAsync("soon", "1");
        await cluster.PublishAsync("soon", "2");
        BankNode last = cluster.Node(cluster.Silos[2]);
        TaskCompletionSource loaded = last.Host.Hold("soon@2");
        Task<AdapterVersionStatus> command = cluster.DoAsync(new ActivateVersion("soon", "2"));
        await last.Host.ArrivalAsync("soon@2");
        await BankCluster.UntilAsync(() => cluster.Nodes.Count(node => node.Host.Memory.ContainsKey("soon@2")) == 2);
        Assert.All(cluster.Nodes, node => Assert.Equal("soon@1", node.Answers("soon/triage"))); // not before all have it

        var watch = Stopwatch.StartNew();
        loaded.SetResult();
        while (!cluster.Nodes.All(node => node.Answers("soon/triage") == "soon@2"))
            await Task.Delay(1);
        double active = watch.Elapsed.TotalMilliseconds;
        await command;

        output.WriteLine($"Active on 3 silos {active:0} ms after the last one had loaded it; the command returned after {watch.Elapsed.TotalMilliseconds:0} ms.");
        if (Environment.GetEnvironmentVariable("MOELORA_LONG") == "1")
            Assert.InRange(active, 0, 2000);
    }

    /// <summary>The bundle with one bit of its weights turned, in an archive whose own checksums are right.</summary>
    private static MemoryStream Damage(TestBundle bundle)
    {
        byte[] weights = [.. bundle.Files["adapter_model.safetensors"]];
        weights[100] ^= 1;
        return new MemoryStream(TestBundle.Zip(bundle.Files.Select(file => (file.Key, file.Key == "adapter_model.safetensors" ? weights : file.Value))));
    }
}
