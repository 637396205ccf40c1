using Microsoft.Extensions.DependencyInjection;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Grid.Banks;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Tasks;
using MoeLora.Serving.Rollouts;
using MoeLora.Serving.Tests;
using Orleans.Core.Internal;
using Orleans.TestingHost;

namespace MoeLora.Grid.Tests.Banks;

/// <summary>Silos that come and go, and storage that fails: each test has a cluster of its own.</summary>
public sealed class GateFailureTests : IAsyncLifetime
{
    private readonly TemporaryDirectory _folder = new();
    private BankCluster _cluster = null!;

    public async Task InitializeAsync() => _cluster = await BankCluster.StartAsync(_folder.Path);

    public async Task DisposeAsync()
    {
        await _cluster.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Silo_ThatJoinsLater_CatchesUpFromTheSharedFolder()
    {
        await _cluster.ServeAsync("clinic", "1");
        await _cluster.ServeAsync("clinic", "2");
        Assert.Equal(2, Directory.GetFiles(_folder.Path, "sha256-*.zip").Length);
        int sent = _cluster.Nodes.Sum(node => node.Sent);

        InProcessSiloHandle joined = await _cluster.JoinAsync();

        BankFollower follower = _cluster.Follower(joined);
        await BankCluster.UntilAsync(() =>
        {
            // It says nothing of the bank, or that it cannot answer, until it has what the others have.
            BankReport? report = follower.Reports.SingleOrDefault();
            Assert.True(report is null || report.Problem is not null || report.Loaded.Order().SequenceEqual(["1", "2"]) || !follower.Follows("clinic"));
            return follower.Follows("clinic");
        });
        Assert.Equal("clinic@2", _cluster.Node(joined).Answers("clinic/triage"));
        Assert.Equal("clinic@1", _cluster.Node(joined).Answers("clinic/triage@1"));
        Assert.Equal(sent, _cluster.Nodes.Sum(node => node.Sent)); // no silo was asked
    }

    [Fact]
    public async Task Silo_ThatJoinsAndCannotLoad_IsExcludedAndStopsNobody()
    {
        await _cluster.ServeAsync("clinic", "1");
        _cluster.Prepare = node => node.Host.Refused["clinic@1"] = node.Host.Refused["clinic@2"] = "there is no room.";
        InProcessSiloHandle joined = await _cluster.JoinAsync();
        BankFollower follower = _cluster.Follower(joined);
        await BankCluster.UntilAsync(() => follower.Reports.SingleOrDefault()?.Problem?.Contains("clinic@1: clinic@1 cannot be loaded: there is no room.", StringComparison.Ordinal) == true);
        Assert.False(follower.Follows("clinic"));

        await _cluster.ServeAsync("clinic", "2");

        Assert.All(_cluster.Nodes.Where(node => node != _cluster.Node(joined)), node => Assert.Equal("clinic@2", node.Answers("clinic/triage")));
        Assert.NotNull(follower.Reports.Single().Problem);
        _cluster.Node(joined).Host.Refused.Clear(); // there is room now
        await BankCluster.UntilAsync(() => follower.Follows("clinic"));
        Assert.Equal("clinic@2", _cluster.Node(joined).Answers("clinic/triage"));
    }

    [Fact]
    public async Task Gate_WhoseSiloDiesWhileSilosLoad_UndoesItAndTakesTheCommandAgain()
    {
        await _cluster.ServeAsync("clinic", "1");
        await _cluster.PublishAsync("clinic", "2");
        InProcessSiloHandle gate = _cluster.SiloOf("clinic");
        InProcessSiloHandle other = _cluster.Silos.First(silo => silo != gate);
        TaskCompletionSource loaded = _cluster.Node(other).Host.Hold("clinic@2");
        // As a silo asks: it learns of the death. A client outside the cluster would wait for an answer.
        Task<CommandReply> lost = other.ServiceProvider.GetRequiredService<IGrainFactory>().GetGrain<IGateGrain>("clinic").ExecuteAsync(CommandMessage.Of(new ActivateVersion("clinic", "2")), "operator-1");
        await _cluster.Node(other).Host.ArrivalAsync("clinic@2");

        await _cluster.KillAsync(gate);
        await Assert.ThrowsAnyAsync<Exception>(() => lost);

        BankMessage bank = null!;
        await BankCluster.UntilAsync(async () => Array.Find((bank = await _cluster.Gate("clinic").DescribeAsync()).Versions, version => version.Version == "2")!.State == RolloutState.Published);
        Assert.Equal("1", bank.Active);
        loaded.SetResult();
        await BankCluster.UntilAsync(() => _cluster.Nodes.All(node => !node.Host.Memory.ContainsKey("clinic@2"))); // what had loaded it gives it back
        Assert.All(_cluster.Nodes, node => Assert.Equal("clinic@1", node.Answers("clinic/triage")));
        await _cluster.DoAsync(new ActivateVersion("clinic", "2"), silo: 0);
        Assert.All(_cluster.Nodes, node => Assert.Equal("clinic@2", node.Answers("clinic/triage")));
    }

    [Fact]
    public async Task Command_WhoseGateDies_CompletesOnAnother()
    {
        await _cluster.ServeAsync("clinic", "1");
        await _cluster.PublishAsync("clinic", "2");
        InProcessSiloHandle gate = _cluster.SiloOf("clinic");
        InProcessSiloHandle other = _cluster.Silos.First(silo => silo != gate);
        TaskCompletionSource loaded = _cluster.Node(other).Host.Hold("clinic@2");
        Task<AdapterVersionStatus> command = _cluster.DoAsync(new ActivateVersion("clinic", "2"), _cluster.Silos.ToList().IndexOf(other));
        await _cluster.Node(other).Host.ArrivalAsync("clinic@2");

        await _cluster.KillAsync(gate);
        loaded.SetResult();

        Assert.Equal(RolloutState.Active, (await command).State);
        Assert.Equal(2, _cluster.Nodes.Count());
        Assert.All(_cluster.Nodes, node => Assert.Equal("clinic@2", node.Answers("clinic/triage")));
    }

    [Fact]
    public async Task Storage_ThatFails_RefusesChangesAndWhatIsActiveGoesOn()
    {
        await _cluster.ServeAsync("clinic", "1");
        await _cluster.PublishAsync("clinic", "2");
        long revision = (await _cluster.Gate("clinic").DescribeAsync()).Revision;
        (_cluster.Storage.Unwritable, _cluster.Storage.Unreadable) = (true, true);

        GridError activate = await _cluster.RefusedAsync(new ActivateVersion("clinic", "2"));
        GridError publish = BankCluster.Error(await _cluster.Rollouts(0).PublishAsync(Serving.Tests.Registry.TestBundle.Make("clinic", "3").Upload(), BankCluster.Operator));

        Assert.Equal((GridErrorKind.Unavailable, GridErrorKind.Unavailable), (activate.Kind, publish.Kind));
        Assert.Contains("what is active goes on answering", activate.Message, StringComparison.Ordinal);
        Assert.Equal(revision, (await _cluster.Gate("clinic").DescribeAsync()).Revision);
        Assert.All(_cluster.Nodes, node => Assert.Equal("clinic@1", node.Answers("clinic/triage")));
        Assert.EndsWith(":1", await _cluster.AnswerAsync(new TaskKey("clinic", "triage", 0)), StringComparison.Ordinal); // by a grain that was nowhere yet
        (_cluster.Storage.Unwritable, _cluster.Storage.Unreadable) = (false, false);
        await _cluster.DoAsync(new ActivateVersion("clinic", "2"));
        Assert.All(_cluster.Nodes, node => Assert.Equal("clinic@2", node.Answers("clinic/triage")));
    }

    [Fact]
    public async Task Storage_WhoseAnswerIsLost_CountsAsWhatItHolds()
    {
        await _cluster.ServeAsync("clinic", "1");
        await _cluster.ServeAsync("clinic", "2");
        _cluster.Storage.LoseAnswer = true;

        Assert.Equal(GridErrorKind.Unavailable, (await _cluster.RefusedAsync(new RollBack("clinic"))).Kind);

        Assert.Equal("1", (await _cluster.Gate("clinic").DescribeAsync()).Active);
        await BankCluster.UntilAsync(() => _cluster.Nodes.All(node => node.Answers("clinic/triage") == "clinic@1"));
    }

    [Fact]
    public async Task Storage_ThatWasSetBack_IsFollowedAllTheSame()
    {
        await _cluster.ServeAsync("clinic", "1");
        Action setBack = _cluster.Storage.Save();
        await _cluster.ServeAsync("clinic", "2");
        long followed = (await _cluster.Gate("clinic").DescribeAsync()).Revision;

        setBack();
        await _cluster.Gate("clinic").Cast<IGrainManagementExtension>().DeactivateOnIdle();

        // The gate goes on above what silos follow, or they would take it for old.
        await BankCluster.UntilAsync(async () => await _cluster.Gate("clinic").DescribeAsync() is { Active: "1" } bank && bank.Revision > followed);
        await BankCluster.UntilAsync(() => _cluster.Nodes.All(node => node.Answers("clinic/triage") == "clinic@1"));
        await _cluster.ServeAsync("clinic", "2");
        Assert.All(_cluster.Nodes, node => Assert.Equal("clinic@2", node.Answers("clinic/triage")));
    }

    [Fact]
    public async Task Versions_WhileNoGateCanBeReached_AreThoseThatTheSiloWasTold()
    {
        await _cluster.ServeAsync("clinic", "1");
        await _cluster.ServeAsync("pharmacy", "1");
        await BankCluster.UntilAsync(() => _cluster.Follower(_cluster.Silos[0]).Told("pharmacy") is { Active: "1" });
        _cluster.Storage.Unreadable = true;
        await _cluster.Gate("clinic").Cast<IGrainManagementExtension>().DeactivateOnIdle();

        AdapterVersionStatus clinic = null!, pharmacy = null!;
        await BankCluster.UntilAsync(async () =>
        {
            IReadOnlyList<AdapterVersionStatus> versions = BankCluster.Value(await _cluster.Rollouts(0).ListVersionsAsync());
            (clinic, pharmacy) = (versions.Single(version => version.Bank == "clinic"), versions.Single(version => version.Bank == "pharmacy"));
            return clinic.Problem is not null;
        });

        Assert.Equal((RolloutState.Active, "The bank's gate cannot be reached now; this is what this silo was told last."), (clinic.State, clinic.Problem));
        Assert.Equal((RolloutState.Active, null), (pharmacy.State, pharmacy.Problem));
    }

    [Fact]
    public async Task Gates_OnBothSidesOfASplitNetwork_OnlyOneFlips()
    {
        await _cluster.ServeAsync("clinic", "1");
        await _cluster.ServeAsync("clinic", "2");
        await _cluster.PublishAsync("clinic", "3");
        var other = new GateLedger(_cluster.Storage.OtherGate(_cluster.Gate("clinic").GetGrainId()), "clinic", TimeProvider.System);
        await other.ReadAsync();
        await other.CommitAsync("elsewhere", change => RolloutSteps.Take(change, new RollBack("clinic"), true, _ => null));

        GridError error = await _cluster.RefusedAsync(new ActivateVersion("clinic", "3"));

        Assert.Equal(GridErrorKind.Conflict, error.Kind);
        await BankCluster.UntilAsync(async () => (await _cluster.Gate("clinic").DescribeAsync()).Active == "1"); // a new activation has read it
        await BankCluster.UntilAsync(() => _cluster.Nodes.All(node => node.Answers("clinic/triage") == "clinic@1"));
        RolloutException late = await Assert.ThrowsAsync<RolloutException>(async () =>
        {
            await _cluster.DoAsync(new ActivateVersion("clinic", "3"));
            await other.CommitAsync("elsewhere", change => change.Move(new AdapterVersion("2"), RolloutState.Draining));
        });
        Assert.Equal(GridErrorKind.Conflict, late.Error.Kind);
        Assert.True(other.Fenced);
    }
}
