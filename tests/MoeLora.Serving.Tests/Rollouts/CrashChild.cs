using Microsoft.Extensions.Logging.Abstractions;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Serving.Registry;
using MoeLora.Serving.Rollouts;
using MoeLora.Serving.State;
using MoeLora.Serving.Tests.Registry;

namespace MoeLora.Serving.Tests.Rollouts;

/// <summary>
/// A node that publishes, activates and rolls back at random until it is killed. On its output it says before each command which version would be
/// active after it (<c>begin 3</c>), and after it which one is (<c>end 3</c>).
/// </summary>
internal static class CrashChild
{
    public const string Name = "crash-child";

    public static StateDatabase OpenDatabase(string directory) => StateDatabase.Sqlite(Path.Combine(directory, "state.db"));

    public static string StoreDirectory(string directory) => Path.Combine(directory, "bundles");

    public static async Task RunAsync(string directory, int seed)
    {
        var random = new Random(seed);
        using StateDatabase database = OpenDatabase(directory);
        using BundleStore store = BundleStore.Open(StoreDirectory(directory), new BundleLimits());
        var registry = new VersionRegistry(database);
        var host = new FakeHost();
        await using var rollouts = new NodeRollouts(store, registry, host, new RolloutOptions { KeepPrevious = seed % 2 == 0 }, TimeProvider.System, NullLogger.Instance);
        await rollouts.StartAsync(null, CancellationToken.None);
        Assert.Empty(rollouts.Problems);
        await RegistryRules.CheckAsync(rollouts, StoreDirectory(directory));
        Console.WriteLine($"end {Active(rollouts)}");
        for (int step = 0; step < 2000; step++)
            await StepAsync(rollouts, registry, host, random);
    }

    private static async Task StepAsync(NodeRollouts rollouts, VersionRegistry registry, FakeHost host, Random random)
    {
        string version = $"{random.Next(8)}";
        string key = $"clinic@{version}";
        host.Refused.Clear();
        if (random.Next(6) == 0)
            host.Refused[key] = "it is broken now.";
        TaskCompletionSource? slow = random.Next(3) == 0 ? host.Hold(key) : null;
        if (slow is not null)
            _ = Task.Delay(random.Next(20)).ContinueWith(_ => slow.TrySetResult(), TaskScheduler.Default);
        VersionPin? running = random.Next(2) == 0 && rollouts.Admit(ModelRef.Parse("triage"), TestNode.Operator.Tenant, "1").TryGet(out RoutedRequest? request, out _) ? request.Pin : null;
        switch (random.Next(5))
        {
            case 0:
                await rollouts.PublishAsync(TestBundle.Make("clinic", version).Upload(), TestNode.Operator);
                break;
            case 1 or 2:
                Console.WriteLine($"begin {version}");
                await rollouts.ExecuteAsync(new ActivateVersion("clinic", version), TestNode.Operator);
                break;
            case 3:
                BankRecord bank = await registry.ReadAsync(new AdapterName("clinic"), CancellationToken.None);
                Console.WriteLine($"begin {bank.Previous?.ToString() ?? "none"}");
                await rollouts.ExecuteAsync(new RollBack("clinic"), TestNode.Operator);
                break;
            default:
                await rollouts.ExecuteAsync(new RetireVersion("clinic", version), TestNode.Operator);
                break;
        }

        running?.Dispose();
        slow?.TrySetResult();
        Console.WriteLine($"end {Active(rollouts)}");
    }

    private static string Active(NodeRollouts rollouts) => rollouts.Routes.Find("clinic")?.Active?.Key.Version.ToString() ?? "none";
}
