using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Requests;
using MoeLora.Grid.Tests.Silos;

namespace MoeLora.Grid.Tests.Requests;

/// <summary>Which task a request names, by what silos report.</summary>
public sealed class ClusterNamesTests
{
    private static readonly BankReport[] Banks =
    [
        Reported.Bank("clinic") with { Tasks = new() { [0] = "triage", [1] = "entities" }, Loaded = ["1", "2"] },
        Reported.Bank("icu") with { Tasks = new() { [0] = "triage", [5] = "reports" }, Loaded = ["1"] },
    ];

    [Theory]
    [InlineData("entities", "clinic", "entities", null)]
    [InlineData("5", "icu", "reports", null)]
    [InlineData("icu/triage", "icu", "triage", null)]
    [InlineData("icu/0", "icu", "triage", null)]
    [InlineData("clinic/triage@2", "clinic", "triage", "2")]
    [InlineData("triage@2", "clinic", "triage", "2")]
    public void Name_OfOneTask_IsFound(string name, string bank, string task, string? version) =>
        Assert.Equal(new NamedTask(bank, task, version), Find(name));

    [Theory]
    [InlineData("triage", "clinic/triage, icu/triage")]
    [InlineData("triage@1", "clinic/triage, icu/triage")]
    [InlineData("nothing", "There are: triage, entities, triage, reports.")]
    [InlineData("ward/triage", "There is no bank 'ward'. There are: clinic, icu.")]
    [InlineData("clinic/anything@9", "clinic@9 cannot answer. These can: 1, 2.")]
    public void Name_OfNoneOrSeveral_IsRefusedWithWhatThereIs(string name, string said)
    {
        Assert.False(ClusterNames.Resolve(Banks, ModelRef.Parse(name)).TryGet(out _, out GridError? error));
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Task_OfAVersionThatIsThere_MayBeOneThatNobodyReports() => Assert.False(Find("clinic/retired-task@2").IsReported);

    [Theory]
    [InlineData("triage", "icu")]
    [InlineData("nothing", null)]
    [InlineData("clinic/triage", null)]
    public void Name_AmongWhatATenantMayAsk_ShowsNothingElse(string name, string? bank)
    {
        IReadOnlyList<BankReport> visible = ClusterNames.VisibleTo(Banks, new TenantLimits { AllowedTasks = ["icu/triage"] });

        GridResult<NamedTask> found = ClusterNames.Resolve(visible, ModelRef.Parse(name));

        Assert.Equal(bank, found.TryGet(out NamedTask? task, out GridError? error) ? task.Bank : null);
        Assert.DoesNotContain("reports", error?.Message ?? "", StringComparison.Ordinal);
        Assert.DoesNotContain("entities", error?.Message ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public void Bank_OfSeveralSilos_IsAsTheFurthestWithoutAProblemReportsIt()
    {
        SiloReport Silo(string name, BankReport bank) => Reported.Silo(name) with { Banks = [bank] };
        BankReport old = Reported.Bank("clinic"), newer = old with { Revision = 2, Active = "2" }, broken = newer with { Revision = 3, Problem = "It cannot." };

        Assert.Equal("2", Assert.Single(ClusterNames.Banks([Silo("a", old), Silo("b", newer), Silo("c", broken)])).Active);
    }

    private static NamedTask Find(string name)
    {
        Assert.True(ClusterNames.Resolve(Banks, ModelRef.Parse(name)).TryGet(out NamedTask? task, out GridError? error), error?.Message);
        return task;
    }
}
