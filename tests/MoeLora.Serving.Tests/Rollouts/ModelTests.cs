using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Serving.Rollouts;
using MoeLora.Serving.Tests.Databases;

namespace MoeLora.Serving.Tests.Rollouts;

/// <summary>
/// Random commands with random failures, against a model of a few lines that knows only which version must answer. After each command requests are
/// asked; at the end, and at random crashes, the registry's own rules are checked.
/// </summary>
public sealed class ModelTests
{
    private static readonly string[] Names = ["1", "2", "3", "4", "5"];

    private static int Steps => Environment.GetEnvironmentVariable("MOELORA_LONG") == "1" ? 3000 : 120;

    [Theory]
    [InlineData(DatabaseKind.Sqlite, 1, true)]
    [InlineData(DatabaseKind.Sqlite, 2, true)]
    [InlineData(DatabaseKind.Sqlite, 3, false)]
    public Task Commands_AtRandomWithFailures_BehaveAsTheModel(DatabaseKind kind, int seed, bool keepPrevious) => RunAsync(kind, seed, keepPrevious);

    [Theory, OnPostgreSql]
    public Task Commands_AtRandomWithFailuresOnPostgreSql_BehaveAsTheModel(DatabaseKind kind) => RunAsync(kind, 4, keepPrevious: true);

    private static async Task RunAsync(DatabaseKind kind, int seed, bool keepPrevious)
    {
        var random = new Random(seed);
        await using TestNode node = await TestNode.StartAsync(kind, new RolloutOptions { KeepPrevious = keepPrevious });
        var model = new Model();
        var pins = new List<VersionPin>();
        for (int step = 0; step < Steps; step++)
        {
            await StepAsync(node, model, pins, random);
            await CheckAsync(node, model, step);
        }

        pins.ForEach(pin => pin.Dispose());
        await RegistryRules.CheckAsync(node.Rollouts, node.StoreDirectory);
    }

    private static async Task StepAsync(TestNode node, Model model, List<VersionPin> pins, Random random)
    {
        string version = Names[random.Next(Names.Length)];
        bool broken = random.Next(5) == 0;
        bool published = model.Published.Contains(version);
        if (broken)
            node.Host.Refused[$"clinic@{version}"] = "it is broken now.";
        switch (random.Next(12))
        {
            case 0 or 1:
                await node.PublishAsync(version);
                model.Published.Add(version);
                break;
            case 2 or 3 or 4:
                if (await TryAsync(node, new ActivateVersion("clinic", version)) && version != model.Active)
                    model.Activate(version);
                break;
            case 5 or 6:
                string? previous = model.Previous;
                if (await TryAsync(node, new RollBack("clinic")))
                {
                    Assert.NotNull(previous);
                    model.Canary = null;
                    model.Activate(previous);
                }

                break;
            case 7:
                if (await TryAsync(node, new StartCanary("clinic", version, new CanaryRule(1, []))))
                    model.Canary = version;
                break;
            case 8:
                if (await TryAsync(node, new RetireVersion("clinic", version)))
                {
                    Assert.NotEqual(model.Active, version);
                    model.End(version);
                }

                break;
            case 9:
                if (await TryAsync(node, new StartShadow("clinic", version, 0.5)) && model.Canary == version)
                    Assert.Fail("A canary became a shadow.");
                break;
            case 10:
                node.Host.Refused.Clear(); // what was in memory before can be loaded again
                pins.ForEach(pin => pin.Dispose());
                pins.Clear();
                await node.CrashAndStartAsync();
                Assert.Empty(node.Rollouts.Problems);
                await RegistryRules.CheckAsync(node.Rollouts, node.StoreDirectory);
                break;
            default:
                if (node.Admit("triage").TryGet(out RoutedRequest? request, out _))
                {
                    request.ShadowPin?.Dispose();
                    ((FakeVersion)request.Pin.Version.Loaded).Run(request.Pin);
                    pins.Add(request.Pin);
                }

                while (pins.Count > 3)
                {
                    int i = random.Next(pins.Count);
                    pins[i].Dispose();
                    pins.RemoveAt(i);
                }

                break;
        }

        node.Host.Refused.Clear();
        Assert.True(published || model.Published.Contains(version) || model.Active != version);
    }

    // A refusal must have a reason that the model knows nothing against: what was active stays.
    private static async Task<bool> TryAsync(TestNode node, RolloutCommand command)
    {
        GridResult<AdapterVersionStatus> result = await node.Rollouts.ExecuteAsync(command, TestNode.Operator);
        if (result.TryGet(out _, out GridError? error))
            return true;
        Assert.Contains(error.Kind, new[] { GridErrorKind.NotFound, GridErrorKind.Conflict, GridErrorKind.InvalidRequest });
        return false;
    }

    private static async Task CheckAsync(TestNode node, Model model, int step)
    {
        string answers = node.Answers();
        string? expected = model.Canary ?? model.Active;
        Assert.True(expected is null ? !answers.StartsWith("clinic@", StringComparison.Ordinal) : answers == $"clinic@{expected}", $"Step {step}: {answers} answers instead of {expected ?? "nobody"}.");
        foreach (AdapterVersionStatus status in TestNode.Value(await node.Rollouts.ListVersionsAsync()))
        {
            string named = node.Answers($"triage@{status.Version}");
            bool can = status.State is RolloutState.Verified or RolloutState.Canary or RolloutState.Active;
            Assert.True(can == (named == $"clinic@{status.Version}"), $"Step {step}: {status.Version} is {status.State}, and asked by name {named}");
        }
    }

    /// <summary>Who must answer.</summary>
    private sealed class Model
    {
        public HashSet<string> Published { get; } = [];

        public string? Active { get; private set; }

        public string? Previous { get; private set; }

        public string? Canary { get; set; }

        public void Activate(string version)
        {
            Previous = Active ?? Previous;
            Active = version;
            if (Canary == version)
                Canary = null;
        }

        public void End(string version)
        {
            if (Canary == version)
                Canary = null;
        }
    }
}
