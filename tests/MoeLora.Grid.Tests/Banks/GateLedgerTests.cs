using System.Collections.Immutable;
using System.Globalization;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts.Rollouts;
using MoeLora.Grid.Banks;
using MoeLora.Grid.Tests.Silos;
using MoeLora.Serving.Registry;
using MoeLora.Serving.Rollouts;
using MoeLora.Serving.Tests.Registry;

namespace MoeLora.Grid.Tests.Banks;

/// <summary>What a bank's record keeps.</summary>
public sealed class GateLedgerTests
{
    private readonly ManualClock _clock = new();
    private readonly GateLedger _ledger;

    public GateLedgerTests()
    {
        _ledger = new GateLedger(new KeptState(), "clinic", _clock);
        _ledger.Load();
    }

    [Fact]
    public async Task Commit_MoreRetiredVersionsThanAreKept_ForgetsTheOldestButThePrevious()
    {
        await ChangeAsync(change =>
        {
            foreach (int number in new[] { 1, 2, 3 })
                Publish(change, number);
            Activate(change, 1);
            Activate(change, 2);
            RolloutSteps.Retire(change, Version(1)); // a rollback would load it again
            change.Move(Version(1), RolloutState.Retired);
        });

        for (int number = 4; number < 4 + GateLedger.MostRetired + 10; number++)
        {
            await ChangeAsync(change =>
            {
                Publish(change, number);
                RolloutSteps.Retire(change, Version(number));
            });
        }

        int[] kept = [.. _ledger.Message.Versions.Select(version => int.Parse(version.Version, CultureInfo.InvariantCulture)).Order()];
        Assert.Equal([1, 2, 3, .. Enumerable.Range(14, GateLedger.MostRetired)], kept);
        Assert.Equal(("2", "1"), (_ledger.Message.Active, _ledger.Message.Previous));
        Assert.Equal(kept.Length, _ledger.Record.Versions.Count);
    }

    [Fact]
    public async Task Commit_RetiresWhatWasOldAtOnce_KeepsWhatItIsAbout()
    {
        for (int number = 1; number <= GateLedger.MostRetired + 1; number++)
            await ChangeAsync(change => Publish(change, number));

        // All at the same moment.
        await _ledger.CommitAsync("operator-1", change =>
        {
            foreach (AdapterVersion version in change.Before.Versions.Keys)
                RolloutSteps.Retire(change, version);
        });

        Assert.Equal(GateLedger.MostRetired + 1, _ledger.Message.Versions.Length);
    }

    private static AdapterVersion Version(int number) => new(number.ToString(CultureInfo.InvariantCulture));

    private static void Publish(BankChange change, int number) =>
        change.Publish(Version(number), BundleHash.Parse($"sha256:{number:x64}"), TestBundle.BaseModelHash, ImmutableSortedDictionary<int, string>.Empty);

    private static void Activate(BankChange change, int number)
    {
        change.Move(Version(number), RolloutState.Loading);
        change.Move(Version(number), RolloutState.Verified);
        RolloutSteps.Activate(change, Version(number), keepPrevious: true, _ => null);
    }

    private async Task ChangeAsync(Action<BankChange> steps)
    {
        _clock.Advance(TimeSpan.FromSeconds(1));
        await _ledger.CommitAsync("operator-1", steps);
    }

    private sealed class KeptState : IPersistentState<GateState>
    {
        public GateState State { get; set; } = new();

        public string Etag => "";

        public bool RecordExists => true;

        public Task ReadStateAsync() => Task.CompletedTask;

        public Task WriteStateAsync() => Task.CompletedTask;

        public Task ClearStateAsync() => throw new NotSupportedException();
    }
}
