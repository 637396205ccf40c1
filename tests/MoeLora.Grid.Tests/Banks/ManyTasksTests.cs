using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using MoeLora.Contracts.Rollouts;
using MoeLora.Grid.Banks;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;
using MoeLora.Serving.Tests.Registry;
using Orleans.Serialization;
using Orleans.TestingHost;
using Xunit.Abstractions;

namespace MoeLora.Grid.Tests.Banks;

/// <summary>A bank of ten thousand tasks: its list of tasks goes to other silos when it changes, not with every report.</summary>
public sealed class ManyTasksTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Tasks = 10_000, Reports = 10;

    private readonly BankCluster _cluster = new();
    private readonly SentBytes _sent = new();

    public Task InitializeAsync()
    {
        _cluster.Configure = silo =>
        {
            silo.Services.AddSingleton(_sent);
            silo.AddOutgoingGrainCallFilter<CountedCalls>();
        };
        return _cluster.InitializeAsync();
    }

    public Task DisposeAsync() => _cluster.DisposeAsync();

    [Fact]
    public async Task Reports_OfABankWithTenThousandTasks_StaySmall()
    {
        string[] names = [.. Enumerable.Range(0, Tasks).Select(task => string.Create(CultureInfo.InvariantCulture, $"task-{task}"))];
        BankCluster.Value(await _cluster.Rollouts(0).PublishAsync(TestBundle.Make("clinic", "1", tasks: names).Upload(), BankCluster.Operator));
        await _cluster.DoAsync(new ActivateVersion("clinic", "1"));
        SiloBoard[] boards = [.. _cluster.Silos.Select(silo => silo.ServiceProvider.GetRequiredService<SiloBoard>())];

        await BankCluster.UntilAsync(() => boards.All(board => board.Reports.Count == 3 && board.Reports.All(report => report.FindBank("clinic") is { Problem: null, Tasks.Count: Tasks })));
        long[] numbers = [.. Numbers()];
        _sent.Clear();
        // Long enough that each silo has asked the gate too, whether there is anything new.
        await BankCluster.UntilAsync(() => Numbers().Zip(numbers).All(pair => pair.First >= pair.Second + Reports));

        long list = _cluster.Silos[0].ServiceProvider.GetRequiredService<Serializer>().SerializeToArray(boards[0].Reports.First().FindBank("clinic")!).Length;
        output.WriteLine(string.Join(Environment.NewLine, _sent.Calls.Select(call => $"{call.Key}: {call.Value.Calls} calls, {call.Value.Bytes} bytes").Append($"One list of tasks: {list} bytes")));
        Assert.InRange(list, 10 * Tasks, long.MaxValue); // what must not be sent again and again
        Assert.Contains(_sent.Calls, call => call.Key == $"{nameof(ISiloGrain)}.{nameof(ISiloGrain.AnnounceAsync)}" && call.Value.Calls >= 6 * (Reports - 1));
        Assert.Contains(_sent.Calls, call => call.Key == $"{nameof(IGateGrain)}.{nameof(IGateGrain.FindNewerAsync)}");
        Assert.All(_sent.Calls.Values, call => Assert.InRange(call.Bytes / call.Calls, 0, 2000));

        IEnumerable<long> Numbers() => boards.Zip(_cluster.Silos, (board, silo) => board.Find(silo.SiloAddress.ToParsableString())!.Number);
    }

    [Fact]
    public async Task Board_OfASiloThatJoins_GetsTheList()
    {
        await _cluster.ServeAsync("clinic", "1");
        InProcessSiloHandle joined = await _cluster.JoinAsync();

        SiloBoard board = joined.ServiceProvider.GetRequiredService<SiloBoard>();

        await BankCluster.UntilAsync(() => board.Reports.Count == 4 && board.Reports.All(report => report.FindBank("clinic") is { Tasks.Count: 2, TasksOf: not null }));
        Assert.Empty(board.Receive(board.Reports.First().WithTasks(_ => false))); // known by now
        SiloReport another = board.Reports.First() with { Silo = "another" };
        Assert.Equal(["sha256:new"], board.Receive(another with { Banks = [another.FindBank("clinic")! with { TasksOf = "sha256:new", Tasks = [] }] }));
        Assert.Null(board.Find("another"));
    }
}
