using System.Collections.Immutable;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Console.Tests.Fakes;

/// <summary>Versions in memory whose states commands change as a node's do, without loading anything.</summary>
internal sealed class FakeRollouts : IRollouts
{
    private readonly List<RolloutChange> _changes = [];
    private readonly Dictionary<string, string> _previous = [];

    public ImmutableList<AdapterVersionStatus> Versions { get; set; } = [];

    public IEnumerable<AdapterVersionStatus> Active => Versions.Where(version => version.State == RolloutState.Active);

    /// <summary>What commands were asked for.</summary>
    public List<RolloutCommand> Commands { get; } = [];

    public GridError? Refusal { get; set; }

    public void Add(string bank, string version, RolloutState state, IReadOnlyDictionary<int, string> tasks, TimeSpan age, string? problem = null)
    {
        string hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(bank + version)));
        DateTimeOffset at = DateTimeOffset.UtcNow - age;
        Versions = Versions.Add(new AdapterVersionStatus
        {
            Bank = bank,
            Version = version,
            BundleHash = $"sha256:{hash}",
            BaseModelHash = "sha256:9a31c5",
            Tasks = tasks,
            State = state,
            Problem = problem,
            RunningSequences = state == RolloutState.Active ? 6 : 0,
            Published = at - TimeSpan.FromHours(1),
            Since = at,
            Revision = 1,
        });
        _changes.Insert(0, new RolloutChange(bank, version, null, RolloutState.Published, at - TimeSpan.FromHours(1), "key-7c1e", null));
        if (state != RolloutState.Published)
            _changes.Insert(0, new RolloutChange(bank, version, state is RolloutState.Failed or RolloutState.Verified ? RolloutState.Loading : RolloutState.Verified, state, at, "key-7c1e", problem));
    }

    public AdapterVersionStatus Find(string bank, string version) => Versions.Single(candidate => candidate.Bank == bank && candidate.Version == version);

    public ValueTask<GridResult<AdapterVersionStatus>> PublishAsync(Stream bundle, Caller by, CancellationToken cancellation = default) =>
        new(new GridError(GridErrorKind.InvalidRequest, "The bundle has no manifest.json."));

    public ValueTask<GridResult<AdapterVersionStatus>> ExecuteAsync(RolloutCommand command, Caller by, CancellationToken cancellation = default)
    {
        Commands.Add(command);
        if (Refusal is not null)
            return new(Refusal);
        AdapterVersionStatus changed = command switch
        {
            ActivateVersion activate => Activate(activate.Bank, activate.Version, by),
            RollBack back => Activate(back.Bank, _previous[back.Bank], by),
            LoadVersion load => Move(load.Bank, load.Version, RolloutState.Verified, by),
            RetireVersion retire => Move(retire.Bank, retire.Version, RolloutState.Retired, by),
            StartCanary { Rule: { Share: 0, Tenants.Count: 0 } } end => Move(end.Bank, end.Version, RolloutState.Verified, by),
            StartCanary canary => Move(canary.Bank, canary.Version, RolloutState.Canary, by, status => status with { Canary = canary.Rule }),
            StartShadow shadow => Move(shadow.Bank, shadow.Version, RolloutState.Verified, by, status => status with { Shadow = shadow.Share == 0 ? null : new ShadowStatus(shadow.Share, 0, 0, 0) }),
            _ => throw new InvalidOperationException(),
        };
        return new(GridResult<AdapterVersionStatus>.Success(changed));
    }

    public ValueTask<GridResult<IReadOnlyList<AdapterVersionStatus>>> ListVersionsAsync(CancellationToken cancellation = default) =>
        new(GridResult<IReadOnlyList<AdapterVersionStatus>>.Success(Versions));

    public ValueTask<GridResult<IReadOnlyList<RolloutChange>>> HistoryAsync(string bank, int limit, CancellationToken cancellation = default) =>
        new(GridResult<IReadOnlyList<RolloutChange>>.Success([.. _changes.Where(change => change.Bank == bank).OrderByDescending(change => change.At).Take(limit)]));

    private AdapterVersionStatus Activate(string bank, string version, Caller by)
    {
        if (Active.FirstOrDefault(active => active.Bank == bank) is { } before)
        {
            _previous[bank] = before.Version;
            Move(bank, before.Version, RolloutState.Verified, by);
        }

        return Move(bank, version, RolloutState.Active, by);
    }

    private AdapterVersionStatus Move(string bank, string version, RolloutState state, Caller by, Func<AdapterVersionStatus, AdapterVersionStatus>? also = null)
    {
        AdapterVersionStatus old = Find(bank, version);
        AdapterVersionStatus changed = old with { State = state, Canary = null, Shadow = null, Problem = null, Since = DateTimeOffset.UtcNow, Revision = old.Revision + 1 };
        changed = also?.Invoke(changed) ?? changed;
        Versions = Versions.Replace(old, changed);
        _changes.Insert(0, new RolloutChange(bank, version, old.State, state, DateTimeOffset.UtcNow, by.Subject, null));
        return changed;
    }
}
