using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts.Rollouts;
using MoeLora.Serving.Registry;
using MoeLora.Serving.Rollouts;
using MoeLora.Serving.State;

namespace MoeLora.Serving.Tests.Rollouts;

public sealed class CrashTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private static int Kills => Environment.GetEnvironmentVariable("MOELORA_LONG") == "1" ? 50 : 8;

    public void Dispose() => _directory.Dispose();

    /// <summary>A real process, killed at random moments of its start, of publishing, activating and rolling back, over one database and one store.</summary>
    [Fact]
    public async Task Kill_AtRandomMoments_LeavesAConsistentRegistry()
    {
        var random = new Random(11);
        string active = "none";
        int commands = 0;
        for (int kill = 0; kill < Kills; kill++)
        {
            HashSet<string> allowed = await RunAndKillAsync(kill, random, active);
            BankRecord? bank = await CheckDatabaseAsync();
            active = bank?.Active?.ToString() ?? "none";
            Assert.True(allowed.Contains(active), $"Kill {kill}: the alias names {active}, but only {string.Join(" or ", allowed)} can be.");
            commands = (int)(bank?.Revision ?? 0);
        }

        Assert.True(commands > Kills, "The process was always killed before it did anything.");
        await using var node = await StartHereAsync();
    }

    /// <summary>Starts the child, kills it, and says which versions the alias may name now.</summary>
    private async Task<HashSet<string>> RunAndKillAsync(int kill, Random random, string before)
    {
        using Process child = Process.Start(new ProcessStartInfo("dotnet", ["exec", typeof(CrashTests).Assembly.Location, CrashChild.Name, _directory.Path, $"{kill}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        try
        {
            Task<string> errors = child.StandardError.ReadToEndAsync();
            var allowed = new HashSet<string> { before };
            // Every fourth kill falls into the start, wherever that is by then; the others behind a random number of lines.
            Task killing = kill % 4 == 3 ? KillLaterAsync(child, random.Next(1500)) : Task.CompletedTask;
            int lines = kill % 4 == 3 ? int.MaxValue : random.Next(1, 80);
            while (await child.StandardOutput.ReadLineAsync() is { } line)
            {
                string[] words = line.Split(' ');
                if (words[0] == "end")
                    allowed.Clear();
                allowed.Add(words[1]);
                if (--lines == 0)
                    killing = KillLaterAsync(child, random.Next(30));
            }

            await killing;
            await child.WaitForExitAsync();
            Assert.True(child.ExitCode == 137, $"Kill {kill}: the process ended by itself: {await errors}");
            return allowed;
        }
        finally
        {
            child.Kill();
        }
    }

    // Real time, because a kill at a random moment is what is tested: no outcome depends on which moment it was.
    private static async Task KillLaterAsync(Process child, int milliseconds)
    {
        await Task.Delay(milliseconds);
        child.Kill();
    }

    /// <summary>What the killed process left, before anything recovers it: every version that the database names is whole in the store.</summary>
    private async Task<BankRecord?> CheckDatabaseAsync()
    {
        if (!File.Exists(Path.Combine(_directory.Path, "state.db")))
            return null;
        using StateDatabase database = CrashChild.OpenDatabase(_directory.Path);
        var registry = new VersionRegistry(database);
        try
        {
            if ((await registry.ReadAsync(CancellationToken.None)).SingleOrDefault() is not { } bank)
                return null;
            foreach (VersionRecord version in bank.Versions.Values)
                Assert.Equal(version.BundleHash, AdapterBundle.Open(Path.Combine(CrashChild.StoreDirectory(_directory.Path), version.BundleHash.ToString().Replace(':', '-'))).Hash);
            Assert.Equal(bank.Active, bank.InState(RolloutState.Active).SingleOrDefault()?.Version);
            Assert.True(bank.Previous is not { } previous || bank.Versions.ContainsKey(previous));
            RegistryRules.CheckLog("clinic", await registry.HistoryAsync(bank.Name, 1000, CancellationToken.None), bank.Versions.Values.ToDictionary(version => version.Version.ToString(), version => version.State));
            return bank;
        }
        catch (Microsoft.Data.Sqlite.SqliteException e) when (e.Message.Contains("no such table", StringComparison.Ordinal))
        {
            return null; // killed before its tables were made
        }
    }

    private async Task<NodeRollouts> StartHereAsync()
    {
        using StateDatabase database = CrashChild.OpenDatabase(_directory.Path);
        using BundleStore store = BundleStore.Open(CrashChild.StoreDirectory(_directory.Path), new BundleLimits());
        var rollouts = new NodeRollouts(store, new VersionRegistry(database), new FakeHost(), new RolloutOptions(), TimeProvider.System, NullLogger.Instance);
        await rollouts.StartAsync(null, CancellationToken.None);
        await RegistryRules.CheckAsync(rollouts, CrashChild.StoreDirectory(_directory.Path));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(CrashChild.StoreDirectory(_directory.Path), "incoming")));
        return rollouts;
    }
}
