using System.Collections.Immutable;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts.Rollouts;
using MoeLora.Serving.Registry;

namespace MoeLora.Serving.Rollouts;

/// <summary>
/// What a node knows of a bank: the record in the database, and what is in memory. Only <see cref="BankBoard"/>'s changes write it; what
/// it holds is immutable, so that anybody may read it.
/// </summary>
internal sealed class Bank(BankRecord record)
{
    private volatile BankRecord _record = record;
    private volatile ImmutableDictionary<AdapterVersion, ServedVersion> _served = ImmutableDictionary<AdapterVersion, ServedVersion>.Empty;
    private volatile ImmutableDictionary<AdapterVersion, string> _problems = ImmutableDictionary<AdapterVersion, string>.Empty;
    private volatile ImmutableDictionary<AdapterVersion, Drain> _drains = ImmutableDictionary<AdapterVersion, Drain>.Empty;

    /// <summary>Held by the command that runs.</summary>
    public SemaphoreSlim Turn { get; } = new(1, 1);

    public BankRecord Record
    {
        get => _record;
        set => _record = value;
    }

    /// <summary>Whether a commit's outcome is not known: the record must be read again.</summary>
    public bool Stale { get; set; }

    /// <summary>What is in memory.</summary>
    public ImmutableDictionary<AdapterVersion, ServedVersion> Served
    {
        get => _served;
        set => _served = value;
    }

    /// <summary>Why versions that should be in memory are not.</summary>
    public ImmutableDictionary<AdapterVersion, string> Problems
    {
        get => _problems;
        set => _problems = value;
    }

    /// <summary>What is on its way out of memory.</summary>
    public ImmutableDictionary<AdapterVersion, Drain> Drains
    {
        get => _drains;
        set => _drains = value;
    }

    /// <summary>How long versions that are about to drain may take, where a command said so.</summary>
    public Dictionary<AdapterVersion, TimeSpan> Deadlines { get; } = [];

    /// <summary>Why the active version cannot answer; null when it can, or when none is active.</summary>
    public string? Problem => Record.Active is { } active && !Served.ContainsKey(active) ? NotInMemory(active) : null;

    /// <summary>Why a version that should be in memory is not; null when it is.</summary>
    public string? WhyMissing(AdapterVersion version) => Served.ContainsKey(version) ? null : Problems.GetValueOrDefault(version, "It is not in memory.");

    /// <summary>What requests see of it.</summary>
    public BankRoutes Routes()
    {
        VersionRecord? canary = Record.InState(RolloutState.Canary).SingleOrDefault();
        VersionRecord? shadow = Record.Versions.Values.SingleOrDefault(version => version.ShadowShare is not null);
        ServedVersion? active = Record.Active is { } name ? Served.GetValueOrDefault(name) : null;
        return new BankRoutes
        {
            Bank = Record.Name.ToString(),
            Active = active,
            ActiveTasks = Record.Active is { } current ? Record.Versions[current].Tasks : ImmutableSortedDictionary<int, string>.Empty,
            Problem = Problem,
            Canary = canary is null ? null : Served.GetValueOrDefault(canary.Version),
            CanaryRule = canary?.Canary,
            Shadow = shadow is null ? null : Served.GetValueOrDefault(shadow.Version),
            ShadowShare = shadow?.ShadowShare ?? 0,
            Versions = Record.Versions.Values.ToDictionary(version => version.Version.ToString(), Route, StringComparer.Ordinal),
        };
    }

    /// <summary>What people see of a version.</summary>
    public AdapterVersionStatus Describe(AdapterVersion version)
    {
        VersionRecord record = Record.Versions[version];
        ServedVersion? served = Served.GetValueOrDefault(version);
        return new AdapterVersionStatus
        {
            Bank = record.Bank.ToString(),
            Version = version.ToString(),
            BundleHash = record.BundleHash.ToString(),
            BaseModelHash = "sha256:" + record.BaseModelHash,
            Tasks = record.Tasks,
            State = record.State,
            Problem = record.Problem ?? (ShouldBeInMemory(record.State) && served is null ? NotInMemory(version) : null),
            Canary = record.Canary,
            Shadow = record.ShadowShare is { } share
                ? new ShadowStatus(share, served?.Shadow.Compared ?? 0, served?.Shadow.Equal ?? 0, served?.Shadow.Dropped ?? 0)
                : null,
            RunningSequences = served?.Pins ?? 0,
            Published = record.Published,
            Since = record.Since,
            Revision = record.Revision,
        };
    }

    /// <summary>Whether a version in this state can answer.</summary>
    public static bool ShouldBeInMemory(RolloutState state) => state is RolloutState.Verified or RolloutState.Canary or RolloutState.Active;

    private VersionRoute Route(VersionRecord version)
    {
        if (!ShouldBeInMemory(version.State))
            return new VersionRoute(version.State, null);
        ServedVersion? served = Served.GetValueOrDefault(version.Version);
        return new VersionRoute(version.State, served, served is null ? NotInMemory(version.Version) : null);
    }

    private string NotInMemory(AdapterVersion version) => Problems.GetValueOrDefault(version) is { } problem
        ? $"{Record.Name}@{version} could not be loaded when the node started: {problem}"
        : $"{Record.Name}@{version} is not loaded yet.";
}

/// <summary>A version on its way out of memory.</summary>
/// <param name="CallOff">Lets it go on instead.</param>
/// <param name="Completion">Completes when it is out of memory, or was called off.</param>
internal sealed record Drain(CancellationTokenSource CallOff, Task Completion);
