using MoeLora.Contracts;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tasks;

namespace MoeLora.Grid.Tests.Silos;

public sealed class SiloBoardTests
{
    private readonly ManualClock _clock = new();
    private readonly SiloBoard _board;

    public SiloBoardTests() => _board = new SiloBoard(_clock);

    [Fact]
    public void Receive_OlderReportComesLater_KeepsTheNewer()
    {
        _board.Receive(Reported.Silo("a", 2));
        _board.Receive(Reported.Silo("a", 1));

        Assert.Equal(2, _board.Find("a")!.Number);
    }

    [Fact]
    public void Age_TimePasses_GrowsUntilTheNextReport()
    {
        _board.Receive(Reported.Silo("a", 1));
        _clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(TimeSpan.FromSeconds(3), _board.Age("a"));

        // A client hears of a silent silo through another one, which repeats the last report.
        _board.Receive(Reported.Silo("a", 1));
        Assert.Equal(TimeSpan.FromSeconds(3), _board.Age("a"));

        _board.Receive(Reported.Silo("a", 2));
        Assert.Equal(TimeSpan.Zero, _board.Age("a"));
        Assert.Equal(TimeSpan.MaxValue, _board.Age("b"));
    }

    [Fact]
    public void Ready_SomeAreNot_LeavesThemOut()
    {
        _board.Receive(Reported.Silo("a"));
        _board.Receive(Reported.Silo("b") with { Phase = GridPhase.Stopping });

        Assert.Equal(["a"], _board.Ready.Select(report => report.Silo));
    }

    [Fact]
    public async Task Presence_SiloReportsAgainAndLeaves_EndsOnlyThen()
    {
        _board.Receive(Reported.Silo("a", 1));
        CancellationToken presence = _board.Presence("a");
        var left = new TaskCompletionSource();
        presence.Register(left.SetResult);

        _board.Receive(Reported.Silo("a", 2));
        Assert.False(presence.IsCancellationRequested);
        Assert.Equal(presence, _board.Presence("a"));

        _board.Keep(new HashSet<string>());
        await left.Task.WaitAsync(TimeSpan.FromMinutes(5));
        Assert.False(_board.Presence("a").CanBeCanceled);
    }

    [Fact]
    public void FindTask_NamedByTwo_IsWhereRequestsAreTaken()
    {
        _board.Receive(Reported.Silo("a").With(("clinic/triage/0", 7)) with { Phase = GridPhase.Stopping });
        _board.Receive(Reported.Silo("b").With(("clinic/triage/0", 1)));

        Assert.Equal(("b", 1), (_board.FindTask(new TaskKey("clinic", "triage", 0))!.Value.Report.Silo, _board.FindTask(new TaskKey("clinic", "triage", 0))!.Value.Depth));
        Assert.Null(_board.FindTask(new TaskKey("clinic", "triage", 1)));
    }
}
