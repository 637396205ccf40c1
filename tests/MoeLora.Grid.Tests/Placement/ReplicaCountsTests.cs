using MoeLora.Contracts;
using MoeLora.Grid.Placement;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tasks;
using MoeLora.Grid.Tests.Silos;
using static MoeLora.Grid.Tests.Silos.Reported;

namespace MoeLora.Grid.Tests.Placement;

public sealed class ReplicaCountsTests
{
    private readonly ManualClock _clock = new();
    private readonly ReplicaOptions _options = new() { GrowAt = 4 };
    private readonly SiloBoard _board;
    private readonly ReplicaCounts _replicas;

    public ReplicaCountsTests()
    {
        _board = new SiloBoard(_clock);
        _replicas = new ReplicaCounts(_board, _options, new PlacementOptions(), _clock, new Random(1));
        _board.Receive(Silo("a"));
        _board.Receive(Silo("b"));
    }

    [Fact]
    public void Choose_NothingReported_IsTheFirst() => Assert.Equal(new TaskKey("clinic", "triage", 0), _replicas.Choose("clinic", "triage"));

    [Fact]
    public void Choose_OwnRequestsReachTheDepth_GetsAnother()
    {
        Begin(4);

        Assert.Equal(1, _replicas.Choose("clinic", "triage").Replica);
        Assert.Equal(2, _replicas.Count("clinic", "triage"));
    }

    [Fact]
    public void Choose_OneBelowTheDepth_StaysAtOne()
    {
        Begin(3);

        Assert.Equal(0, _replicas.Choose("clinic", "triage").Replica);
    }

    [Fact]
    public void Choose_OthersRequestsReachTheDepth_GetsAnother()
    {
        _board.Receive(Silo("a", 2).With(("clinic/triage/0", 4)));

        Assert.Equal(1, _replicas.Choose("clinic", "triage").Replica);
    }

    [Fact]
    public void Choose_OwnRequestsAreInTheReport_CountOnce()
    {
        Begin(3);
        _board.Receive(Silo("a", 2).With(("clinic/triage/0", 3)));

        Assert.Equal(0, _replicas.Choose("clinic", "triage").Replica);
    }

    [Fact]
    public void Choose_OwnRequestsSinceTheReport_AddToIt()
    {
        _board.Receive(Silo("a", 2).With(("clinic/triage/0", 2)));
        Assert.Equal(0, _replicas.Choose("clinic", "triage").Replica);
        Begin(2);

        Assert.Equal(1, _replicas.Choose("clinic", "triage").Replica);
    }

    [Fact]
    public void Choose_NoOtherSiloHasRoom_StaysAtOne()
    {
        _board.Receive(Silo("a", 2).With(("clinic/triage/0", 9)));
        _board.Receive(Silo("b", 2) with { FreeBytes = 0 });

        Assert.Equal(0, _replicas.Choose("clinic", "triage").Replica);
        Assert.Equal(1, _replicas.Count("clinic", "triage"));
    }

    [Fact]
    public void Choose_EverySiloHasAReplica_GrowsNoFurther()
    {
        _board.Receive(Silo("a", 2).With(("clinic/triage/0", 9)));
        _ = _replicas.Choose("clinic", "triage");
        _board.Receive(Silo("b", 2).With(("clinic/triage/1", 9)));
        _clock.Advance(_options.Settle);

        _ = _replicas.Choose("clinic", "triage");

        Assert.Equal(2, _replicas.Count("clinic", "triage"));
    }

    [Fact]
    public void Choose_JustGrown_WaitsForReports()
    {
        _board.Receive(Silo("c"));
        _board.Receive(Silo("a", 2).With(("clinic/triage/0", 9)));
        _ = _replicas.Choose("clinic", "triage");
        _board.Receive(Silo("b", 2).With(("clinic/triage/1", 9)));

        _ = _replicas.Choose("clinic", "triage");
        Assert.Equal(2, _replicas.Count("clinic", "triage"));
        _clock.Advance(_options.Settle);
        _ = _replicas.Choose("clinic", "triage");
        Assert.Equal(3, _replicas.Count("clinic", "triage"));
    }

    [Fact]
    public void Choose_TwoReplicas_TakesTheLessDeep()
    {
        List<IDisposable> first = Begin(4);
        List<IDisposable> second = [_replicas.Begin(_replicas.Choose("clinic", "triage"))];

        for (int i = 0; i < 20; i++)
            Assert.Equal(1, _replicas.Choose("clinic", "triage").Replica);
        first.ForEach(lease => lease.Dispose());
        Assert.Equal(0, _replicas.Choose("clinic", "triage").Replica);
        second[0].Dispose();
    }

    [Fact]
    public void Choose_SteadyLoadOnThreeReplicas_SpreadsItEvenly()
    {
        _board.Receive(Silo("c"));
        Grow(3);
        var random = new Random(3);
        List<IDisposable> running = [];
        int[] chosen = new int[3];
        for (int i = 0; i < 3000; i++)
        {
            TaskKey key = _replicas.Choose("clinic", "triage");
            chosen[key.Replica]++;
            running.Add(_replicas.Begin(key));
            // A steady dozen requests, of which any may end first.
            if (running.Count <= 9)
                continue;
            int ends = random.Next(running.Count);
            running[ends].Dispose();
            running.RemoveAt(ends);
        }

        // One choice alone would give each 1,000 with a standard deviation of 26; two choices keep them closer.
        Assert.All(chosen, count => Assert.InRange(count, 900, 1100));
    }

    [Fact]
    public void Choose_LoadHasGone_GivesBackOneAfterAnother()
    {
        _board.Receive(Silo("c"));
        Grow(3);

        _clock.Advance(_options.Quiet - TimeSpan.FromTicks(1));
        _ = _replicas.Choose("clinic", "triage");
        Assert.Equal(3, _replicas.Count("clinic", "triage"));
        _clock.Advance(TimeSpan.FromTicks(1));
        _ = _replicas.Choose("clinic", "triage");
        Assert.Equal(2, _replicas.Count("clinic", "triage"));
        _clock.Advance(_options.Quiet);
        _ = _replicas.Choose("clinic", "triage");
        Assert.Equal(1, _replicas.Count("clinic", "triage"));
    }

    [Fact]
    public void Choose_BusyInBetween_CountsQuietAnew()
    {
        List<IDisposable> running = Grow(2, keep: true);
        _clock.Advance(_options.Quiet - TimeSpan.FromSeconds(1));
        _ = _replicas.Choose("clinic", "triage");
        running.ForEach(lease => lease.Dispose());
        _clock.Advance(TimeSpan.FromSeconds(2));

        _ = _replicas.Choose("clinic", "triage");

        Assert.Equal(2, _replicas.Count("clinic", "triage"));
    }

    [Fact]
    public void Choose_SiloOfTheOnlyReplicaStops_TakesAnotherElsewhere()
    {
        _board.Receive(Silo("a", 2).With(("clinic/triage/0", 1)) with { Phase = GridPhase.Stopping });

        Assert.Equal(1, _replicas.Choose("clinic", "triage").Replica);
    }

    [Fact]
    public void Choose_ReplicaHasMovedFromAStoppingSilo_GoesToItThere()
    {
        _board.Receive(Silo("a", 2).With(("clinic/triage/0", 1)) with { Phase = GridPhase.Stopping });
        _board.Receive(Silo("b", 2).With(("clinic/triage/0", 0)));

        Assert.Equal(0, _replicas.Choose("clinic", "triage").Replica);
    }

    [Fact]
    public void Choose_SiloOfTheOnlyReplicaIsSilent_TakesAnotherElsewhere()
    {
        _board.Receive(Silo("a", 2).With(("clinic/triage/0", 1)));
        _clock.Advance(new PlacementOptions().SilentAfter + TimeSpan.FromTicks(1));
        _board.Receive(Silo("b", 2));

        Assert.Equal(1, _replicas.Choose("clinic", "triage").Replica);
    }

    [Fact]
    public void Choose_SiloOfTheOnlyReplicaCannotAnswerForTheBank_TakesAnotherElsewhere()
    {
        _board.Receive(Silo("a", 2).With(("clinic/triage/0", 1)) with { Banks = [Bank("clinic", "version 2 is not there")] });

        Assert.Equal(1, _replicas.Choose("clinic", "triage").Replica);
    }

    [Fact]
    public void Choose_StoppingAndNoRoomElsewhere_StaysWhereItIs()
    {
        _board.Receive(Silo("a", 2).With(("clinic/triage/0", 1)) with { Phase = GridPhase.Stopping });
        _board.Receive(Silo("b", 2) with { FreeBytes = 0 });

        Assert.Equal(0, _replicas.Choose("clinic", "triage").Replica);
    }

    [Fact]
    public void Choose_OneFailed_AnotherAnswers()
    {
        Assert.Equal(1, _replicas.Choose("clinic", "triage", avoid: 0).Replica);
        Assert.Equal(0, _replicas.Choose("clinic", "triage", avoid: 1).Replica);
    }

    [Fact]
    public void Choose_OneFailedAndAnotherProcessHasAReplicaElsewhere_ThatAnswers()
    {
        _board.Receive(Silo("a", 2).With(("clinic/triage/0", 1)));
        _board.Receive(Silo("b", 2).With(("clinic/triage/3", 1)));

        Assert.Equal(3, _replicas.Choose("clinic", "triage", avoid: 0).Replica);
    }

    [Fact]
    public void Begin_LeaseDisposedOfTwice_CountsOnce()
    {
        List<IDisposable> running = Begin(3);
        running[0].Dispose();
        running[0].Dispose();
        running.AddRange(Begin(1));

        Assert.Equal(0, _replicas.Choose("clinic", "triage").Replica);
        running.AddRange(Begin(1));
        Assert.Equal(1, _replicas.Choose("clinic", "triage").Replica);
    }

    [Fact]
    public void Begin_ManyTasksComeAndGo_NothingIsKept()
    {
        for (int i = 0; i < 10_000; i++)
            _replicas.Begin(_replicas.Choose("clinic", $"task-{i}")).Dispose();

        Assert.Equal(0, _replicas.Kept);
    }

    private List<IDisposable> Begin(int requests) =>
        [.. Enumerable.Range(0, requests).Select(_ => _replicas.Begin(_replicas.Choose("clinic", "triage")))];

    private List<IDisposable> Grow(int replicas, bool keep = false)
    {
        List<IDisposable> running = [];
        while (_replicas.Count("clinic", "triage") < replicas)
        {
            running.AddRange(Begin(1));
            if (running.Count % _options.GrowAt == 0)
                _clock.Advance(_options.Settle);
        }

        if (!keep)
            running.ForEach(lease => lease.Dispose());
        return running;
    }
}
