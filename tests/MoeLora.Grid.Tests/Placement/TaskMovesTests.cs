using Microsoft.Extensions.Options;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Placement;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tasks;
using MoeLora.Grid.Tests.Silos;
using static MoeLora.Grid.Tests.Silos.Reported;

namespace MoeLora.Grid.Tests.Placement;

public sealed class TaskMovesTests
{
    private readonly ResidentTasks _resident = new();
    private readonly SiloBoard _board = new();
    private readonly TaskMoves _moves;

    public TaskMovesTests()
    {
        _moves = new TaskMoves(_resident, _board, new FakePeers("b"), Options.Create(new PlacementOptions()), Options.Create(new AnnouncementOptions()), TimeProvider.System);
        _board.Receive(Silo("b"));
    }

    [Fact]
    public void Relieve_SiloHasRoom_MovesNothing()
    {
        var task = new FakeTask(_resident, "clinic/triage/0");

        _moves.Relieve(Silo("self"));

        Assert.False(task.Migrated);
    }

    [Fact]
    public void Relieve_SiloIsFull_MovesTheIdleOneWithMostRecoveredWeights()
    {
        var busy = new FakeTask(_resident, "clinic/busy/0", depth: 1);
        var shared = new FakeTask(_resident, "clinic/shared/0");
        var merged = new FakeTask(_resident, "clinic/merged/0");

        _moves.Relieve(Full() with
        {
            Tasks = [new TaskReport(busy.Key, 1) { Bytes = 2 * Giga }, new TaskReport(shared.Key, 0), new TaskReport(merged.Key, 0) { Bytes = Giga }],
        });

        Assert.Equal((false, false, true), (busy.Migrated, shared.Migrated, merged.Migrated));
    }

    [Fact]
    public void Relieve_OneDeviceIsFull_MovesATaskOfItsBase()
    {
        SiloReport own = Silo("self") with
        {
            Bases = [new BaseReport(BaseA, "tiny", "torch cuda:0", 0, 0) { DeviceId = "cuda:0" }, new BaseReport(BaseB, "other", "torch cuda:1", 0, 0) { DeviceId = "cuda:1" }],
            Banks = [Bank("clinic"), Bank("ward", baseModel: BaseB)],
            Devices = [new DeviceReport("cuda:0", "cuda", 2 * Giga, Giga, null), new DeviceReport("cuda:1", "cuda", 2 * Giga, 0, null)],
        };
        _board.Receive(own);
        _board.Receive(Silo("b", 2) with { Bases = own.Bases, Banks = own.Banks });
        var roomy = new FakeTask(_resident, "clinic/triage/0");
        var full = new FakeTask(_resident, "ward/triage/0");

        _moves.Relieve(own with { Tasks = [new TaskReport(roomy.Key, 0) { Bytes = Giga }, new TaskReport(full.Key, 0)] });

        Assert.Equal((false, true), (roomy.Migrated, full.Migrated));
    }

    [Fact]
    public void Relieve_NoOtherSiloHasRoom_MovesNothing()
    {
        var task = new FakeTask(_resident, "clinic/triage/0");
        _board.Receive(Silo("b", 2) with { FreeBytes = 0 });

        _moves.Relieve(Full());

        Assert.False(task.Migrated);
        Assert.False(task.Deactivated);
    }

    [Fact]
    public void LeaveBanks_SiloCannotAnswerForOne_MovesItsIdleGrains()
    {
        var idle = new FakeTask(_resident, "clinic/triage/0");
        var busy = new FakeTask(_resident, "clinic/busy/0", depth: 1);
        var other = new FakeTask(_resident, "pharmacy/triage/0");

        _moves.LeaveBanks(Silo("self") with { Banks = [Bank("clinic", "version 2 is not there"), Bank("pharmacy")] });

        Assert.Equal((true, false, false), (idle.Migrated, busy.Migrated, other.Migrated));
    }

    [Fact]
    public void LeaveBanks_NoOtherSiloCanAnswer_MovesNothing()
    {
        var task = new FakeTask(_resident, "clinic/triage/0");
        _board.Receive(Silo("b", 2) with { Banks = [Bank("clinic", "nor here")] });

        _moves.LeaveBanks(Silo("self") with { Banks = [Bank("clinic", "version 2 is not there")] });

        Assert.False(task.Migrated);
    }

    [Fact]
    public async Task Drain_NoOtherSilo_EndsTheGrains()
    {
        var task = new FakeTask(_resident, "clinic/triage/0");
        _board.Keep(new HashSet<string>());

        await _moves.DrainAsync(default);

        Assert.Equal((false, true), (task.Migrated, task.Deactivated));
    }

    private static SiloReport Full() => Silo("self") with { FreeBytes = new PlacementOptions().ReserveBytes - 1 };
}
