using MoeLora.Grid.Messages;
using MoeLora.Grid.Placement;
using MoeLora.Grid.Tasks;
using static MoeLora.Grid.Tests.Silos.Reported;

namespace MoeLora.Grid.Tests.Placement;

public sealed class RecentPlacementsTests
{
    private static readonly TaskKey First = new("clinic", "triage", 0), Other = new("clinic", "icd", 0);

    private readonly RecentPlacements _recent = new();

    public RecentPlacementsTests() => _recent.Add(First, Silo("a", 1), 100);

    [Fact]
    public void Describe_SameReport_CountsThePlacement()
    {
        SiloCandidate silo = _recent.Describe(Other, Silo("a", 1));

        Assert.Equal((1, 100L, (4 * Giga) - 100), (silo.Placed, silo.PlacedBytes, silo.FreeBytes));
    }

    [Fact]
    public void Describe_NextReportNamesTheGrain_NoLongerCountsIt() => Assert.Equal(0, Placed(Silo("a", 2).With(("clinic/triage/0", 0))));

    [Fact]
    public void Describe_NextReportWasBuiltBefore_StillCountsIt() => Assert.Equal(1, Placed(Silo("a", 2)));

    [Fact]
    public void Describe_SecondReportDoesNotNameIt_ForgetsIt() => Assert.Equal(0, Placed(Silo("a", 3)));

    [Fact]
    public void Describe_OtherSilo_CountsNothing() => Assert.Equal(0, Placed(Silo("b", 1)));

    [Fact]
    public void Describe_OtherReplicaJustPlaced_HasReplica()
    {
        Assert.True(_recent.Describe(First with { Replica = 1 }, Silo("a", 1)).HasReplica);
        Assert.False(_recent.Describe(First, Silo("a", 1)).HasReplica);
        Assert.False(_recent.Describe(Other, Silo("a", 1)).HasReplica);
    }

    [Fact]
    public void Add_SameGrainAgain_CountsOnce()
    {
        _recent.Add(First, Silo("a", 1), 100);

        Assert.Equal(1, Placed(Silo("a", 1)));
    }

    [Fact]
    public void Keep_SiloLeft_ForgetsItsPlacements()
    {
        _recent.Keep(new HashSet<string> { "b" });

        Assert.Equal(0, Placed(Silo("a", 1)));
    }

    private int Placed(SiloReport report) => _recent.Describe(Other, report).Placed;
}
