using MoeLora.Adapters.Bundles;
using MoeLora.Contracts.Rollouts;
using MoeLora.Grid.Banks;
using MoeLora.Grid.Messages;
using MoeLora.Serving.Tests.Registry;

namespace MoeLora.Grid.Tests.Banks;

public sealed class FollowPlanTests
{
    private static readonly RolloutState[] All = [RolloutState.Published, RolloutState.Loading, RolloutState.Verified, RolloutState.Canary, RolloutState.Active, RolloutState.Retired];

    [Fact]
    public void Next_NothingDiffers_IsNone() =>
        Assert.Null(Plan(Wanted("2", ("1", RolloutState.Verified), ("2", RolloutState.Active)), Here("1", RolloutState.Verified), Here("2", RolloutState.Active)).Next());

    [Fact]
    public void Next_ActiveVersionIsMissing_FetchesItFirst()
    {
        FollowStep? step = Plan(Wanted("2", ("1", RolloutState.Verified), ("2", RolloutState.Active)), Here("3", RolloutState.Verified)).Next();

        Assert.Equal((new AdapterVersion("2"), null), (step!.Version, step.Command));
    }

    [Fact]
    public void Next_AnotherIsActiveHere_FlipsBeforeAnythingElseIsTakenOut() =>
        Assert.Equal(new ActivateVersion("clinic", "2"), Plan(Wanted("2", ("2", RolloutState.Active)), Here("1", RolloutState.Active), Here("2", RolloutState.Verified), Here("3", RolloutState.Verified)).Next()!.Command);

    [Fact]
    public void Next_VersionIsNotNeeded_IsTakenOutBeforeAnotherIsLoaded() =>
        Assert.Equal(
            new RetireVersion("clinic", "1", TimeSpan.FromSeconds(7)),
            Plan(Wanted("2", ("2", RolloutState.Active), ("3", RolloutState.Loading)), Here("1", RolloutState.Verified), Here("2", RolloutState.Active), Here("3", RolloutState.Published)).Next()!.Command);

    [Fact]
    public void Next_OnlyActiveVersionIsNotWanted_Stays() => Assert.Null(Plan(Wanted(null), Here("1", RolloutState.Active)).Next());

    [Fact]
    public void Next_VersionIsLeftOutOrKept_IsLeftAlone()
    {
        var plan = new FollowPlan(Wanted("2", ("2", RolloutState.Active), ("3", RolloutState.Loading)).ToRecord(), [Here("1", RolloutState.Verified), Here("2", RolloutState.Active)])
        {
            IsLeftOut = version => version.ToString() == "3",
            IsKept = version => version.ToString() == "1",
        };

        Assert.Null(plan.Next());
    }

    /// <summary>Carried out step by step, every plan ends, and then what should answer does and nothing else is in memory but what was active before.</summary>
    [Fact]
    public void Next_AnyStates_EndsWhereTheGateWants()
    {
        string[] names = ["1", "2", "3"];
        for (int seed = 0; seed < 2000; seed++)
        {
            var random = new Random(seed);
            string active = names[random.Next(3)];
            BankMessage wanted = Wanted(active, [.. names.Select(name => (name, name == active ? RolloutState.Active : All.Where(state => state != RolloutState.Active).ElementAt(random.Next(All.Length - 1))))]);
            string? activeHere = random.Next(2) == 0 ? names[random.Next(3)] : null;
            Dictionary<string, RolloutState> here = names.Where(name => name == activeHere || random.Next(2) == 0)
                .ToDictionary(name => name, name => name == activeHere ? RolloutState.Active : random.Next(2) == 0 ? RolloutState.Verified : RolloutState.Retired);

            int steps = 0;
            while (Plan(wanted, [.. here.Select(version => Here(version.Key, version.Value))]).Next() is { } step)
            {
                Assert.True(++steps <= 20, $"Seed {seed} does not end.");
                string version = step.Version.ToString();
                if (step.Command is ActivateVersion)
                {
                    foreach (string old in here.Where(each => each.Value == RolloutState.Active).Select(each => each.Key).ToArray())
                        here[old] = RolloutState.Verified;
                }

                here[version] = step.Command switch
                {
                    null => RolloutState.Published,
                    LoadVersion => RolloutState.Verified,
                    ActivateVersion => RolloutState.Active,
                    RetireVersion => RolloutState.Retired,
                    StartCanary canary => canary.Rule.Share > 0 ? RolloutState.Canary : RolloutState.Verified,
                    _ => throw new InvalidOperationException($"Seed {seed}: {step.Command}"),
                };
            }

            foreach (VersionMessage version in wanted.Versions)
            {
                bool isInMemory = here.GetValueOrDefault(version.Version) is RolloutState.Verified or RolloutState.Canary or RolloutState.Active;
                Assert.Equal((seed, FollowPlan.ShouldBeHere(version.State)), (seed, isInMemory));
            }

            Assert.Equal((seed, RolloutState.Active), (seed, here[active]));
        }
    }

    private static FollowPlan Plan(BankMessage wanted, params AdapterVersionStatus[] here) => new(wanted.ToRecord(), here) { IsLeftOut = _ => false, Deadline = _ => TimeSpan.FromSeconds(7) };

    private static string HashOf(string version) => $"sha256:{new string(version[0], 64)}";

    private static BankMessage Wanted(string? active, params (string Version, RolloutState State)[] versions) => new()
    {
        Bank = "clinic",
        Active = active,
        Revision = 1,
        Versions =
        [
            .. versions.Select(version => new VersionMessage
            {
                Version = version.Version,
                BundleHash = HashOf(version.Version),
                BaseModelHash = TestBundle.BaseModelHash,
                Tasks = [],
                State = version.State,
                CanaryShare = version.State == RolloutState.Canary ? 0.5 : null,
                Published = DateTimeOffset.UnixEpoch,
                Since = DateTimeOffset.UnixEpoch,
            }),
        ],
    };

    private static AdapterVersionStatus Here(string version, RolloutState state) => new()
    {
        Bank = "clinic",
        Version = version,
        BundleHash = HashOf(version),
        BaseModelHash = $"sha256:{TestBundle.BaseModelHash}",
        Tasks = new Dictionary<int, string>(),
        State = state,
        Canary = state == RolloutState.Canary ? new CanaryRule(0.5, []) : null,
        Published = DateTimeOffset.UnixEpoch,
        Since = DateTimeOffset.UnixEpoch,
        Revision = 1,
    };
}
