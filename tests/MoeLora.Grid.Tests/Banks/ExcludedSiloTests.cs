using Microsoft.Extensions.DependencyInjection;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tasks;
using MoeLora.Serving.Tests.Registry;
using Orleans.TestingHost;

namespace MoeLora.Grid.Tests.Banks;

/// <summary>A silo that does not have what its bank's gate decided answers nothing for the bank. Each test has a cluster of its own.</summary>
public sealed class ExcludedSiloTests : IAsyncLifetime
{
    private readonly BankCluster _cluster = new();

    public async Task InitializeAsync()
    {
        // One silo of three has only the first base model.
        int silos = 0;
        _cluster.Prepare = node =>
        {
            if (Interlocked.Increment(ref silos) == 1)
                node.Host.BaseModels = new Dictionary<string, string> { [TestBundle.BaseModelHash] = "small" };
        };
        await _cluster.InitializeAsync();
    }

    public Task DisposeAsync() => _cluster.DisposeAsync();

    [Fact]
    public async Task Flip_ThatASiloCannotFollow_EndsItsAnswersForTheBank()
    {
        await _cluster.ServeAsync("clinic", "1");
        BankNode poor = _cluster.Nodes.Single(node => node.Host.BaseModels.Count == 1);
        // Replicas live apart: one of three is there.
        Dictionary<TaskKey, string> homes = [];
        for (int replica = 0; replica < 3; replica++)
            homes.Add(new TaskKey("clinic", "triage", replica), await _cluster.AnswerAsync(new TaskKey("clinic", "triage", replica)));
        TaskKey there = homes.Single(home => home.Value == $"{poor.Name}:1").Key;
        BankCluster.Value(await _cluster.Rollouts(0).PublishAsync(TestBundle.Make("clinic", "2", TestBundle.OtherBaseModelHash).Upload(), BankCluster.Operator));

        Assert.Equal(RolloutState.Active, (await _cluster.DoAsync(new ActivateVersion("clinic", "2"))).State);

        // Refused at first, so that the caller asks another replica; then it has moved.
        string answer;
        await BankCluster.UntilAsync(async () =>
        {
            answer = await _cluster.AskAsync(there);
            Assert.True(answer == nameof(GridErrorKind.NotReady) || (!answer.StartsWith($"{poor.Name}:", StringComparison.Ordinal) && answer.EndsWith(":2", StringComparison.Ordinal)), answer);
            return answer != nameof(GridErrorKind.NotReady);
        });
        Assert.Empty(poor.Held);
    }

    [Fact]
    public async Task Silo_ThatJoinsWhileItsBundleIsOnTheWay_GetsNoTaskUntilItHasIt()
    {
        await _cluster.ServeAsync("clinic", "1");
        var arrived = new TaskCompletionSource();
        foreach (BankNode node in _cluster.Nodes)
            node.Sending = archive => new HeldStream(archive, arrived.Task);
        InProcessSiloHandle joined = await _cluster.JoinAsync();
        string address = joined.SiloAddress.ToParsableString();
        SiloBoard board = _cluster.Silos[0].ServiceProvider.GetRequiredService<SiloBoard>();
        await BankCluster.UntilAsync(() => board.Find(address) is { Phase: GridPhase.Ready } report && report.FindBank("clinic") is not null);

        BankReport bank = board.Find(address)!.FindBank("clinic")!;
        Assert.Equal((TestBundle.BaseModelHash, "The silo is fetching and loading the bank 'clinic'."), (bank.BaseModelHash, bank.Problem));
        for (int replica = 0; replica < 4; replica++) // one for each silo, if it could take one
            Assert.EndsWith(":1", await _cluster.AnswerAsync(new TaskKey("clinic", "triage", replica)), StringComparison.Ordinal);
        Assert.Empty(_cluster.Node(joined).Held);

        arrived.SetResult();
        await BankCluster.UntilAsync(() => board.Find(address)!.FindBank("clinic") is { Problem: null });
        Assert.Equal($"{_cluster.Node(joined).Name}:1", await _cluster.AnswerAsync(new TaskKey("clinic", "triage", 4)));
    }

    [Fact]
    public async Task RollBack_WhileASiloThatJoinedLoads_DoesNotWaitForIt()
    {
        await _cluster.ServeAsync("clinic", "1");
        await _cluster.ServeAsync("clinic", "2");
        TaskCompletionSource? loaded = null;
        _cluster.Prepare = node => loaded = node.Host.Hold("clinic@2");
        InProcessSiloHandle joined = await _cluster.JoinAsync();
        await _cluster.Node(joined).Host.ArrivalAsync("clinic@2");
        SiloBoard board = _cluster.SiloOf("clinic").ServiceProvider.GetRequiredService<SiloBoard>();
        await BankCluster.UntilAsync(() => board.Find(joined.SiloAddress.ToParsableString())?.FindBank("clinic")?.Problem is not null);

        // It would take until the test fails.
        Assert.Equal("1", (await _cluster.DoAsync(new RollBack("clinic")).WaitAsync(TimeSpan.FromMinutes(5))).Version);

        Assert.All(_cluster.Nodes.Where(node => node != _cluster.Node(joined)), node => Assert.Equal("clinic@1", node.Answers("clinic/triage")));
        loaded!.SetResult();
        await BankCluster.UntilAsync(() => _cluster.Node(joined).Answers("clinic/triage") == "clinic@1");
    }
}
