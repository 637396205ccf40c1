using System.Globalization;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Rollouts;
using MoeLora.Serving.Tests.Registry;

namespace MoeLora.Serving.Tests.Rollouts;

public sealed class RoutingTableTests
{
    private static readonly TenantId Ward = TenantId.Parse("ward");

    [Theory]
    [InlineData("triage", "clinic@1 triage")]
    [InlineData("clinic/triage", "clinic@1 triage")]
    [InlineData("2", "clinic@1 coding")]
    [InlineData("triage@1", "clinic@1 triage")]
    [InlineData("clinic/2@1", "clinic@1 coding")]
    [InlineData("a/b", "clinic@1 a/b")] // a name with a slash comes before a bank
    [InlineData("clinic/a/b", "clinic@1 a/b")]
    public void Resolve_WhatACallerNames_FindsTheTask(string model, string expected) =>
        Assert.Equal(expected, Resolve(Table(Bank("clinic", active: Version("clinic", "1", "triage", "coding", "a/b"))), model));

    [Theory]
    [InlineData("billing", "There is no task 'billing'. There are: triage, coding.")]
    [InlineData("3", "There is no task '3'.")]
    [InlineData("ward/triage", "There is no bank 'ward'. There are: clinic.")]
    [InlineData("triage@9", "There is no version '9'. Of the bank 'clinic', these versions can answer: 1.")]
    [InlineData("billing@1", "clinic@1 has no task 'billing'. It has: triage (1), coding (2).")]
    [InlineData("triage@0", "clinic@0 is retired and cannot answer; these versions can answer: 1.")]
    public void Resolve_WhatIsNotThere_SaysWhatIs(string model, string expected)
    {
        BankRoutes bank = Bank("clinic", active: Version("clinic", "1"), others: ("0", RolloutState.Retired));

        GridError error = TestNode.Error(Table(bank).Resolve(ModelRef.Parse(model), Ward, "1"));

        Assert.Equal(GridErrorKind.ModelNotFound, error.Kind);
        Assert.StartsWith(expected, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(RolloutState.Published)]
    [InlineData(RolloutState.Loading)]
    [InlineData(RolloutState.Draining)]
    [InlineData(RolloutState.Failed)]
    public void Resolve_VersionThatCannotAnswer_IsRefusedAndNeverReplaced(RolloutState state)
    {
        RoutingTable table = Table(Bank("clinic", active: Version("clinic", "1"), others: ("2", state)));

        Assert.Contains($"is {state.ToString().ToLowerInvariant()} and cannot answer", Resolve(table, "triage@2"), StringComparison.Ordinal);
    }

    [Fact]
    public void Resolve_TaskOfTwoBanks_MustNameOne()
    {
        RoutingTable table = Table(Bank("clinic", active: Version("clinic", "1")), Bank("ward", active: Version("ward", "1")));

        Assert.Equal("'triage' is a task of several banks; name one: clinic/triage, ward/triage.", Resolve(table, "triage"));
        Assert.Equal("'triage' is a task of several banks; name one: clinic/triage, ward/triage.", Resolve(table, "triage@1"));
        Assert.Equal("ward@1 triage", Resolve(table, "ward/triage"));
    }

    [Fact]
    public void Resolve_BankWhoseActiveVersionIsNotInMemory_IsNotReadyAndNobodyAnswersForIt()
    {
        BankRoutes broken = Bank("clinic") with
        {
            Problem = "clinic@1 could not be loaded when the node started: no memory is left.",
            ActiveTasks = new Dictionary<int, string> { [1] = "triage" },
        };
        RoutingTable table = Table(broken, Bank("ward", active: Version("ward", "1", "coding")));

        foreach (string model in new[] { "triage", "clinic/triage", "clinic/1" })
        {
            GridError error = TestNode.Error(table.Resolve(ModelRef.Parse(model), Ward, "1"));
            Assert.Equal((GridErrorKind.NotReady, broken.Problem), (error.Kind, error.Message));
        }

        Assert.Equal("ward@1 coding", Resolve(table, "coding"));
        RoutingTable both = Table(broken, Bank("ward", active: Version("ward", "1")));
        Assert.Contains("several banks", Resolve(both, "triage"), StringComparison.Ordinal); // not silently the other bank's
    }

    [Fact]
    public void Resolve_CanaryShare_TakesThatShareOfRequestsTheSameOnesEachTime()
    {
        RoutingTable small = Canary(0.1);
        RoutingTable large = Canary(0.3);
        string[] keys = [.. Enumerable.Range(0, 4000).Select(i => i.ToString(CultureInfo.InvariantCulture))];

        string[] first = [.. keys.Where(key => Resolve(small, "triage", key).StartsWith("clinic@2", StringComparison.Ordinal))];
        string[] again = [.. keys.Where(key => Resolve(small, "triage", key).StartsWith("clinic@2", StringComparison.Ordinal))];
        string[] more = [.. keys.Where(key => Resolve(large, "triage", key).StartsWith("clinic@2", StringComparison.Ordinal))];

        // 4000 draws: 400 ± 19 and 1200 ± 29 (one standard deviation); five of them are allowed, and the keys are fixed anyway.
        Assert.InRange(first.Length, 305, 495);
        Assert.InRange(more.Length, 1055, 1345);
        Assert.Equal(first, again);
        Assert.Empty(first.Except(more));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 500)]
    public void Resolve_CanaryShareAtItsEnds_TakesNoneOrAll(double share, int expected) =>
        Assert.Equal(expected, Enumerable.Range(0, 500).Count(i => Resolve(Canary(share), "triage", $"request {i}").StartsWith("clinic@2", StringComparison.Ordinal)));

    [Fact]
    public void Resolve_TaskThatTheCanaryLacks_GoesToTheActiveVersion()
    {
        RoutingTable table = Table(Bank("clinic", active: Version("clinic", "1"), canary: Version("clinic", "2", "triage")) with { CanaryRule = new CanaryRule(1, []) });

        Assert.Equal("clinic@2 triage", Resolve(table, "triage"));
        Assert.Equal("clinic@1 coding", Resolve(table, "coding"));
    }

    [Fact]
    public void Resolve_IdOfATaskThatTheCanaryNumbersDifferently_GoesToTheCanarysTaskOfThatId()
    {
        RoutingTable table = Table(Bank("clinic", active: Version("clinic", "1", "triage"), canary: Version("clinic", "2", "coding")) with { CanaryRule = new CanaryRule(1, []) });

        Assert.Equal("clinic@2 coding", Resolve(table, "1"));
    }

    [Fact]
    public void Resolve_ShadowShare_IsDecidedApartFromTheCanarys()
    {
        BankRoutes bank = Bank("clinic", active: Version("clinic", "1"), canary: Version("clinic", "2")) with
        {
            CanaryRule = new CanaryRule(0.5, []),
            Shadow = Version("clinic", "3"),
            ShadowShare = 0.5,
        };
        Route[] routes = [.. Enumerable.Range(0, 1000).Select(i => TestNode.Value(Table(bank).Resolve(ModelRef.Parse("triage"), Ward, $"request {i}")))];

        Route[] toActive = [.. routes.Where(route => route.Version == bank.Active)];
        Assert.InRange(toActive.Length, 420, 580); // 500 ± 16
        Assert.InRange(toActive.Count(route => route.Shadow is not null), 170, 330); // 250 ± 14
        Assert.All(routes.Except(toActive), route => Assert.Null(route.Shadow));
    }

    [Theory]
    [InlineData("billing", "There is no task 'billing'. There are: triage.")]
    [InlineData("other/triage", "There is no bank 'other'. There are: clinic.")]
    [InlineData("clinic/billing", "There is no task 'billing'. There are: triage.")]
    [InlineData("billing@1", "clinic@1 has no task 'billing'. It has: triage (1).")]
    [InlineData("triage@9", "There is no version '9'. Of the bank 'clinic', these versions can answer: 1.")]
    public void VisibleTo_ATenant_NamesOnlyWhatItMayAsk(string model, string expected)
    {
        RoutingTable table = Table(Bank("clinic", active: Version("clinic", "1")), Bank("secret", active: Version("secret", "7", "hidden")));
        RoutingTable visible = table.VisibleTo(new TenantLimits { AllowedTasks = ["clinic/triage"] });

        GridError error = TestNode.Error(visible.Resolve(ModelRef.Parse(model), Ward, "1"));

        Assert.Equal((GridErrorKind.ModelNotFound, expected), (error.Kind, error.Message));
    }

    [Fact]
    public void VisibleTo_ATenantOfNothing_NamesNothing()
    {
        RoutingTable table = Table(Bank("clinic", active: Version("clinic", "1")));
        Assert.Equal("There is no task that the tenant may ask.", Resolve(table.VisibleTo(new TenantLimits { AllowedTasks = ["elsewhere/*"] }), "billing"));
    }

    private static RoutingTable Canary(double share) =>
        Table(Bank("clinic", active: Version("clinic", "1"), canary: Version("clinic", "2")) with { CanaryRule = new CanaryRule(share, []) });

    private static string Resolve(RoutingTable table, string model, string requestKey = "1") =>
        table.Resolve(ModelRef.Parse(model), Ward, requestKey).TryGet(out Route? route, out GridError? error) ? $"{route.Version.Key} {route.AdapterTask.Name}" : error.Message;

    private static RoutingTable Table(params BankRoutes[] banks) => new(banks);

    private static ServedVersion Version(string bank, string version, params string[] tasks) =>
        new(TestBundle.Make(bank, version, tasks: tasks).Manifest, new FakeVersion(new FakeHost(), $"{bank}@{version}"));

    private static BankRoutes Bank(string name, ServedVersion? active = null, ServedVersion? canary = null, params (string Version, RolloutState State)[] others)
    {
        var versions = others.ToDictionary(other => other.Version, other => new VersionRoute(other.State, null));
        if (active is not null)
            versions[active.Key.Version.ToString()] = new VersionRoute(RolloutState.Active, active);
        if (canary is not null)
            versions[canary.Key.Version.ToString()] = new VersionRoute(RolloutState.Canary, canary);
        return new BankRoutes
        {
            Bank = name,
            Active = active,
            ActiveTasks = active?.Manifest.Tasks.ToDictionary(task => task.Id, task => task.Name.ToString()) ?? [],
            Canary = canary,
            Versions = versions,
        };
    }
}
