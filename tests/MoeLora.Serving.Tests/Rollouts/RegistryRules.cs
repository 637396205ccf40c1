using MoeLora.Adapters.Bundles;
using MoeLora.Contracts.Rollouts;
using MoeLora.Serving.Registry;
using MoeLora.Serving.Rollouts;

namespace MoeLora.Serving.Tests.Rollouts;

/// <summary>What must be true of a registry at any moment, whatever crashed.</summary>
internal static class RegistryRules
{
    /// <summary>Fails with the rule that is broken.</summary>
    /// <param name="rollouts">Started, with no command running.</param>
    /// <param name="storeDirectory">Its bundles.</param>
    public static async Task CheckAsync(NodeRollouts rollouts, string storeDirectory)
    {
        (IReadOnlyList<AdapterVersionStatus> versions, Dictionary<string, IReadOnlyList<RolloutChange>> logs) = await ReadAsync(rollouts);
        foreach (AdapterVersionStatus version in versions)
        {
            // What the registry names is in the store, whole; AdapterBundle verifies every hash.
            AdapterBundle bundle = AdapterBundle.Open(Path.Combine(storeDirectory, version.BundleHash.Replace(':', '-')));
            Assert.Equal((version.Bank, version.Version, version.BundleHash), (bundle.Manifest.Name.ToString(), bundle.Manifest.Version.ToString(), bundle.Hash.ToString()));
            Assert.NotEqual(RolloutState.Loading, version.State); // nobody is loading now
            Assert.Equal(version.State == RolloutState.Failed, version.Problem is not null);
            Assert.Equal(version.State == RolloutState.Canary, version.Canary is not null);
        }

        foreach (IGrouping<string, AdapterVersionStatus> bank in versions.GroupBy(version => version.Bank))
        {
            Assert.InRange(bank.Count(version => version.State == RolloutState.Active), 0, 1);
            Assert.InRange(bank.Count(version => version.State == RolloutState.Canary), 0, 1);
            Assert.InRange(bank.Count(version => version.Shadow is not null), 0, 1);
            AdapterVersionStatus? active = bank.SingleOrDefault(version => version.State == RolloutState.Active);
            BankRoutes routes = rollouts.Routes.Find(bank.Key)!;
            Assert.Equal(active?.Version, routes.Active?.Key.Version.ToString()); // the alias and the states tell the same
            CheckLog(bank.Key, logs[bank.Key], bank.ToDictionary(version => version.Version, version => version.State));
        }
    }

    // Both of one moment: a drain may come to its end in the background, first in the log, then in the list.
    private static async Task<(IReadOnlyList<AdapterVersionStatus> Versions, Dictionary<string, IReadOnlyList<RolloutChange>> Logs)> ReadAsync(NodeRollouts rollouts)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        while (true)
        {
            IReadOnlyList<AdapterVersionStatus> versions = TestNode.Value(await rollouts.ListVersionsAsync());
            var logs = new Dictionary<string, IReadOnlyList<RolloutChange>>();
            foreach (string bank in versions.Select(version => version.Bank).Distinct())
                logs[bank] = TestNode.Value(await rollouts.HistoryAsync(bank, 1000));
            if (limit.IsCancellationRequested || versions.All(version => logs[version.Bank].FirstOrDefault(line => line.Version == version.Version) is not { } last || last.To == version.State))
                return (versions, logs);
        }
    }

    /// <summary>Fails unless the log tells of legal steps only, and ends where the versions are.</summary>
    public static void CheckLog(string bank, IReadOnlyList<RolloutChange> log, Dictionary<string, RolloutState> now)
    {
        var states = new Dictionary<string, RolloutState>();
        bool whole = log.Count < 1000; // else its beginning is not here
        DateTimeOffset last = DateTimeOffset.MinValue;
        foreach (RolloutChange line in log.Reverse())
        {
            RolloutState? before = states.TryGetValue(line.Version, out RolloutState state) ? state : whole ? null : line.From;
            Assert.Equal(before, line.From);
            Assert.True(BankChange.IsLegal(line.From, line.To), $"{bank}@{line.Version} went from {line.From} to {line.To}.");
            Assert.True(line.At >= last, $"The log of {bank} goes back in time.");
            Assert.NotEmpty(line.By);
            states[line.Version] = line.To;
            last = line.At;
        }

        Assert.All(states, each => Assert.Equal(now[each.Key], each.Value));
        if (whole)
            Assert.Equal(now.Count, states.Count);
    }
}
