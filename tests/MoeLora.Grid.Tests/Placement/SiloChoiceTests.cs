using MoeLora.Contracts;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Placement;
using MoeLora.Grid.Tasks;
using static MoeLora.Grid.Tests.Silos.Reported;

namespace MoeLora.Grid.Tests.Placement;

public sealed class SiloChoiceTests
{
    private static readonly TaskKey Key = new("clinic", "triage", 0);

    private readonly PlacementOptions _options = new();

    [Theory]
    [InlineData(GridPhase.Loading, "loading")]
    [InlineData(GridPhase.Failed, "failed")]
    [InlineData(GridPhase.Stopping, "stopping")]
    public void FindLack_SiloNotReady_SaysItsPhase(GridPhase phase, string word) =>
        Assert.Contains(word, Lack(Silo("a") with { Phase = phase }), StringComparison.Ordinal);

    [Fact]
    public void FindLack_BaseModelMissing_NamesIt() => Assert.Contains(BaseA, Lack(Silo("a") with { Bases = [new BaseReport(BaseB, "other", "cpu", 0, 0)] }), StringComparison.Ordinal);

    [Fact]
    public void FindLack_BankHasProblem_RepeatsIt() =>
        Assert.Contains("no NaN allowed", Lack(Silo("a") with { Banks = [Bank("clinic", "no NaN allowed.")] }), StringComparison.Ordinal);

    [Fact]
    public void FindLack_NoRoom_SaysWhatIsFreeAndNeeded()
    {
        long needed = _options.ReserveBytes + _options.TaskBytes;

        Assert.Contains($"{needed - 1} of its {8 * Giga} bytes are free and {needed} are needed", Lack(Silo("a") with { FreeBytes = needed - 1 }), StringComparison.Ordinal);
        Assert.Null(Lack(Silo("a") with { FreeBytes = needed }));
    }

    [Fact]
    public void FindLack_SeveralDevices_CountsTheOneOfTheBanksBase()
    {
        long needed = _options.ReserveBytes + _options.TaskBytes;
        SiloReport silo = Silo("a") with
        {
            Bases = [new BaseReport(BaseA, "tiny", "torch cuda:0", 0, 0) { DeviceId = "cuda:0" }, new BaseReport(BaseB, "other", "torch cuda:1", 0, 0) { DeviceId = "cuda:1" }],
            Devices = [new DeviceReport("cuda:0", "cuda", 2 * Giga, needed - 1, null), new DeviceReport("cuda:1", "cuda", 6 * Giga, 3 * Giga, null)],
        };

        Assert.Contains($"{needed - 1} of its {2 * Giga} bytes are free", Lack(silo), StringComparison.Ordinal);
        Assert.Null(Lack(silo with { Devices = [new DeviceReport("cuda:0", "cuda", 2 * Giga, needed, null), silo.Devices[1] with { FreeBytes = 0 }] }));
    }

    [Fact]
    public void FindLack_BankNotThere_HasToBeFetchedFirst() => Assert.Equal("has not heard of the bank yet", Lack(Silo("a") with { Banks = [Bank("other")] }));

    [Fact]
    public void FindLack_PlacedSinceTheReport_Counts()
    {
        long needed = _options.ReserveBytes + _options.TaskBytes;
        var silo = new SiloCandidate(Silo("a") with { FreeBytes = 2 * needed }) { PlacedBytes = needed + 1 };

        Assert.NotNull(SiloChoice.FindLack(Key, BaseA, silo, _options));
    }

    [Fact]
    public void Choose_NobodyEligible_IsNull() => Assert.Null(Choose(Key, Silo("a") with { Phase = GridPhase.Stopping }, Silo("b") with { Bases = [] }));

    [Fact]
    public void Choose_OneHoldsTheBank_PrefersItToALessBusyOne() =>
        Assert.Equal("held", Choose(Key, Silo("unloaded") with { Banks = [Bank("clinic", loaded: false)] }, Silo("held").Busy(5)));

    [Fact]
    public void Choose_ReplicaOnTheBestSilo_TakesAnother()
    {
        SiloReport first = Silo("first").With(("clinic/triage/0", 9)), second = Silo("second").Busy(50);

        Assert.Equal("second", Choose(Key with { Replica = 1 }, first, second));
        Assert.Equal("first", Choose(Key with { Replica = 1 }, first));
    }

    [Fact]
    public void Choose_OtherTaskWithTheSameBeginning_IsNoReplica() =>
        Assert.Equal("first", Choose(Key with { Replica = 1 }, Silo("first").With(("clinic/triage/1/0", 0), ("clinic/triage-2/0", 0)), Silo("second").Busy(9)));

    [Fact]
    public void Choose_SilentSilo_OnlyWhenThereIsNoOther()
    {
        var silent = new SiloCandidate(Silo("silent")) { IsSilent = true };

        Assert.Equal("busy", SiloChoice.Choose(Key, BaseA, [silent, new SiloCandidate(Silo("busy").Busy(100))], _options, new Random(1))!.Report.Silo);
        Assert.Equal("silent", SiloChoice.Choose(Key, BaseA, [silent], _options, new Random(1))!.Report.Silo);
    }

    [Fact]
    public void Choose_LoadRelativeToSize_TakesTheLeast()
    {
        SiloReport large = (Silo("large") with { MemoryBytes = 80 * Giga }).Busy(20), small = Silo("small").Busy(4);

        Assert.Equal("large", Choose(Key, small, large));
        Assert.Equal("small", Choose(Key, small, large.Busy(50)));
    }

    [Fact]
    public void Choose_Equals_AllGetTheirShareAndTheSameSeedTheSameOne()
    {
        string[] first = Draw(), second = Draw();

        Assert.Equal(first, second);
        // 300 draws from three equals: each gets 100 on average with a standard deviation of 8; 60 is five of them away.
        Assert.All(first.GroupBy(silo => silo), group => Assert.InRange(group.Count(), 60, 140));

        string[] Draw()
        {
            var random = new Random(7);
            SiloCandidate[] silos = [new(Silo("a")), new(Silo("b")), new(Silo("c"))];
            return [.. Enumerable.Range(0, 300).Select(_ => SiloChoice.Choose(Key, BaseA, silos, _options, random)!.Report.Silo)];
        }
    }

    private string? Lack(SiloReport report) => SiloChoice.FindLack(Key, BaseA, new SiloCandidate(report), _options);

    private string? Choose(TaskKey key, params SiloReport[] reports) => SiloChoice.Choose(
        key, BaseA, reports.Select(report => new SiloCandidate(report) { HasReplica = SiloCandidate.HasReplicaOf(key, report) }), _options, new Random(1))?.Report.Silo;
}
