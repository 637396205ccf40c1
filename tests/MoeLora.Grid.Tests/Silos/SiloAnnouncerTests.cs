using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Placement;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tasks;

namespace MoeLora.Grid.Tests.Silos;

public sealed class SiloAnnouncerTests
{
    private readonly ManualClock _clock = new();
    private readonly FakeSilo _node = new("node-self");
    private readonly FakePeers _peers = new("b", "c");
    private readonly ResidentTasks _resident = new();
    private readonly SiloBoard _board;
    private readonly SiloAnnouncer _announcer;

    public SiloAnnouncerTests()
    {
        IOptions<AnnouncementOptions> announcement = Options.Create(new AnnouncementOptions());
        IOptions<PlacementOptions> placement = Options.Create(new PlacementOptions());
        _board = new SiloBoard(_clock);
        _announcer = new SiloAnnouncer(
            new SiloReporter(_peers, _node, _node, _resident, placement), _board, _peers,
            new TaskMoves(_resident, _board, _peers, placement, announcement, _clock), announcement, _clock, NullLogger<SiloAnnouncer>.Instance);
    }

    [Fact]
    public async Task AnnounceNow_AllReachable_EveryBoardHasTheReport()
    {
        _node.Running = 3;
        _ = new FakeTask(_resident, "clinic/triage/0", depth: 2);
        _node.Tasks = [new TaskOverview("clinic", "1", 0, "triage", ServingMode.Merged, [], 0) { MergedBytes = 77 }];

        await _announcer.AnnounceNowAsync();

        SiloReport own = _board.Find("self")!;
        Assert.Same(own, Assert.Single(_peers.To("b")));
        Assert.Same(own, Assert.Single(_peers.To("c")));
        Assert.Equal(("node-self", GridPhase.Ready, "cpu"), (own.Node, own.Phase, own.DeviceKind));
        Assert.Equal(Reported.BaseA, Assert.Single(own.Bases).Hash);
        Assert.Equal(3, own.Load);
        Assert.Equal(("clinic/triage/0", 2, 77L), (own.Tasks[0].Key, own.Tasks[0].Depth, own.Tasks[0].Bytes));
        // 8 GiB less 1 GiB of weights, half a GiB of keys and values, and what one task grain is set aside for.
        Assert.Equal((13 * Reported.Giga / 2) - new PlacementOptions().TaskBytes, own.FreeBytes);
    }

    [Fact]
    public async Task AnnounceNow_SeveralDevices_EachHasItsOwnMemory()
    {
        _node.Bases = [Reported.BaseA, Reported.BaseB];
        _node.Special = engine => engine with
        {
            DeviceKind = "cuda",
            DeviceId = engine.BaseModelHash.EndsWith(Reported.BaseA, StringComparison.Ordinal) ? "cuda:0" : "cuda:1",
            DeviceMemoryBytes = (engine.BaseModelHash.EndsWith(Reported.BaseA, StringComparison.Ordinal) ? 4 : 2) * Reported.Giga,
        };

        await _announcer.AnnounceNowAsync();

        SiloReport own = _board.Find("self")!;
        // Less 1 GiB of weights and half a GiB of keys and values on each; the process's 8 GiB hold none of them.
        Assert.Equal(
            [new DeviceReport("cuda:0", "cuda", 4 * Reported.Giga, 5 * Reported.Giga / 2, null), new DeviceReport("cuda:1", "cuda", 2 * Reported.Giga, Reported.Giga / 2, null)], own.Devices);
        Assert.Equal((6 * Reported.Giga, 3 * Reported.Giga), (own.MemoryBytes, own.FreeBytes));
        Assert.Equal(["cuda:0", "cuda:1"], own.Bases.Select(each => each.DeviceId));
    }

    [Fact]
    public async Task AnnounceNow_ADeviceIsLost_ItsBaseIsGoneAndItsBankSaysWhy()
    {
        _node.Bases = [Reported.BaseA, Reported.BaseB];
        _node.Reports = [Reported.Bank("clinic"), Reported.Bank("ward", baseModel: Reported.BaseB)];
        _node.Special = engine => engine.BaseModelHash.EndsWith(Reported.BaseB, StringComparison.Ordinal)
            ? engine with { DeviceId = "cuda:1", DeviceKind = "cuda", DeviceMemoryBytes = 4 * Reported.Giga, Fault = "cuda:1 is gone" }
            : engine;

        await _announcer.AnnounceNowAsync();

        SiloReport own = _board.Find("self")!;
        Assert.Equal([Reported.BaseA], own.Bases.Select(each => each.Hash));
        Assert.Equal([(string?)null, "cuda:1 is gone"], own.Banks.Select(bank => bank.Problem));
        Assert.Equal((0L, "cuda:1 is gone"), (own.Devices[1].FreeBytes, own.Devices[1].Fault));
    }

    [Fact]
    public async Task AnnounceNow_NodeCannotDescribeItself_KeepsWhatItSaidLast()
    {
        await _announcer.AnnounceNowAsync();
        _node.IsSpeechless = true;

        await _announcer.AnnounceNowAsync();

        SiloReport own = _board.Find("self")!;
        Assert.Equal((2L, GridPhase.Ready, 1), (own.Number, own.Phase, own.Bases.Length));
    }

    [Fact]
    public async Task AnnounceNow_MoreTasksThanAReportNames_NamesTheBusiestAndCountsAll()
    {
        for (int i = 0; i < SiloReporter.MostTasks + 50; i++)
            _ = new FakeTask(_resident, $"clinic/task-{i}/0", depth: i == SiloReporter.MostTasks + 7 ? 4 : 0);

        await _announcer.AnnounceNowAsync();

        SiloReport own = _board.Find("self")!;
        Assert.Equal((SiloReporter.MostTasks, SiloReporter.MostTasks + 50), (own.Tasks.Length, own.TaskCount));
        Assert.Equal($"clinic/task-{SiloReporter.MostTasks + 7}/0", own.Tasks[0].Key);
    }

    [Fact]
    public async Task Period_Over_AnnouncesAgain()
    {
        await _announcer.StartAsync(default);
        for (int number = 2; number <= 4; number++)
        {
            await Until.TrueAsync(() => _clock.Waiting > 0);
            _clock.Advance(TimeSpan.FromMilliseconds(500));
            int expected = number;
            await Until.TrueAsync(() => _peers.To("b").Any(report => report.Number >= expected) && _peers.To("c").Any(report => report.Number >= expected));
        }

        await _announcer.StopAsync(default);
    }

    [Fact]
    public async Task AnnounceNow_OneSiloIsSlow_OthersHearEverythingAndItGetsTheNewestLater()
    {
        var wake = new TaskCompletionSource();
        _peers.Slow["b"] = wake.Task;
        for (int i = 0; i < 5; i++)
        {
            Task announced = _announcer.AnnounceNowAsync();
            int expected = i + 1;
            await Until.TrueAsync(() => _peers.To("c").Count() == expected && _clock.Waiting > 0);
            _clock.Advance(TimeSpan.FromMilliseconds(500));
            await announced;
        }

        Assert.Equal([1L], _peers.To("b").Select(report => report.Number));
        wake.SetResult();
        await Until.TrueAsync(() => _peers.To("b").Count() == 2);
        Assert.Equal([1L, 5L], _peers.To("b").Select(report => report.Number));
    }

    [Fact]
    public async Task AnnounceNow_OneSiloIsDead_OthersHear()
    {
        _peers.Slow["b"] = Task.FromException(new TimeoutException());

        await _announcer.AnnounceNowAsync();
        await _announcer.AnnounceNowAsync();

        Assert.Equal([1L, 2L], _peers.To("c").Select(report => report.Number));
    }

    [Fact]
    public async Task AnnounceNow_SiloLeft_BoardForgetsIt()
    {
        _board.Receive(Reported.Silo("c"));
        _peers.Active = ["b"];

        await _announcer.AnnounceNowAsync();

        Assert.Null(_board.Find("c"));
    }

    [Fact]
    public async Task Stop_TellsAllBeforeTaskGrainsMove()
    {
        var idle = new FakeTask(_resident, "clinic/triage/0");
        var busy = new FakeTask(_resident, "clinic/triage/1", depth: 1);
        _board.Receive(Reported.Silo("b"));
        await _announcer.StartAsync(default);

        Task stopped = _announcer.StopAsync(default);
        await Until.TrueAsync(() => idle.Migrated);

        Assert.Equal(GridPhase.Stopping, _peers.To("b").Last().Phase);
        Assert.Equal(GridPhase.Stopping, _board.Find("self")!.Phase);
        Assert.False(busy.Migrated);
        Assert.False(stopped.IsCompleted);
        busy.Depth = 0;
        await Until.TrueAsync(() =>
        {
            _clock.Advance(TimeSpan.FromMilliseconds(50));
            return stopped.IsCompleted;
        });
        Assert.True(busy.Migrated);
    }

    [Fact]
    public async Task Stop_AnswerOutlivesTheDeadline_StopsNevertheless()
    {
        var busy = new FakeTask(_resident, "clinic/triage/0", depth: 1);
        await _announcer.StartAsync(default);
        Task stopped = _announcer.StopAsync(default);

        await Until.TrueAsync(() =>
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            return stopped.IsCompleted;
        });

        Assert.False(busy.Migrated);
        Assert.True(_clock.GetElapsedTime(0) >= new AnnouncementOptions().DrainDeadline);
    }
}
