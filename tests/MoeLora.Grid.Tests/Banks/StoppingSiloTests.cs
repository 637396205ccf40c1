using Microsoft.Extensions.DependencyInjection;
using MoeLora.Contracts;
using MoeLora.Grid.Hosting;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Requests;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tasks;
using Orleans.TestingHost;

namespace MoeLora.Grid.Tests.Banks;

/// <summary>Task grains of a silo that stops.</summary>
public sealed class StoppingSiloTests : IAsyncLifetime
{
    private static readonly TaskKey Key = new("clinic", "triage", 0);

    private readonly BankCluster _cluster = new()
    {
        SiloCount = 2,
        Configure = silo =>
        {
            silo.Services.AddClusterRequests();
            silo.Configure<AnnouncementOptions>(announcement => announcement.DrainDeadline = TimeSpan.FromMinutes(10)); // a busy machine's test may need as long
        },
    };

    public Task InitializeAsync() => _cluster.InitializeAsync();

    public Task DisposeAsync() => _cluster.DisposeAsync();

    [Fact]
    public async Task Task_OfASiloThatStops_EndsWhatRunsAndThenLivesOnAnother()
    {
        await _cluster.ServeAsync("clinic", "1");
        string home = await _cluster.AnswerAsync(Key);
        InProcessSiloHandle leaving = _cluster.Silos.Single(silo => home == $"{_cluster.Node(silo).Name}:1"), other = _cluster.Silos.Single(silo => silo != leaving);
        BankNode left = _cluster.Node(leaving), there = _cluster.Node(other);
        SiloBoard board = other.ServiceProvider.GetRequiredService<SiloBoard>();
        var answered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        left.Answering = answered.Task;
        await using IAsyncEnumerator<AnswerPart> running = _cluster.BeginAsync(Key, other).GetAsyncEnumerator();
        Assert.True(await running.MoveNextAsync());
        Assert.Equal(AnswerPartKind.Started, running.Current.Kind);

        Task stopping = _cluster.StopAsync(leaving);
        await BankCluster.UntilAsync(() => board.Find(leaving.SiloAddress.ToParsableString())?.Phase == GridPhase.Stopping);

        // New requests are another grain's, on the silo that stays.
        TaskKey next = other.ServiceProvider.GetRequiredService<IReplicas>().Choose(Key.Bank, Key.Task);
        Assert.Equal($"{there.Name}:1", await _cluster.AnswerAsync(next, other));
        Assert.False(stopping.IsCompleted);
        Assert.Single(left.Held);

        answered.SetResult();
        Assert.True(await running.MoveNextAsync());
        Assert.Equal(AnswerPartKind.Finished, running.Current.Kind);
        Assert.False(await running.MoveNextAsync());
        await stopping;
        Assert.Empty(left.Held);
        Assert.Equal($"{there.Name}:1", await _cluster.AnswerAsync(Key, other));
    }
}
