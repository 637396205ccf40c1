using System.Collections.Immutable;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Registry;

namespace MoeLora.Grid.Messages;

/// <summary>A bank's versions and alias, as its gate grain keeps and sends them.</summary>
[GenerateSerializer, Immutable, Alias("moelora.bank")]
public sealed record BankMessage
{
    /// <summary>Its name.</summary>
    [Id(0)]
    public required string Bank { get; init; }

    /// <summary>The version that answers new requests; null before the first activation.</summary>
    [Id(1)]
    public string? Active { get; init; }

    /// <summary>The version that a rollback goes to; null when there is none.</summary>
    [Id(2)]
    public string? Previous { get; init; }

    /// <summary>How often the bank changed.</summary>
    [Id(3)]
    public long Revision { get; init; }

    /// <summary>All versions.</summary>
    [Id(4)]
    public VersionMessage[] Versions { get; init; } = [];

    /// <summary>As a silo follows it: it reads the tasks from the bundle, and they may be tens of thousands.</summary>
    internal BankMessage WithoutTasks() => this with { Versions = [.. Versions.Select(version => version with { Tasks = [] })] };

    internal static BankMessage Of(BankRecord record) => new()
    {
        Bank = record.Name.ToString(),
        Active = record.Active?.ToString(),
        Previous = record.Previous?.ToString(),
        Revision = record.Revision,
        Versions = [.. record.Versions.Values.OrderBy(version => version.Published).Select(VersionMessage.Of)],
    };

    internal BankRecord ToRecord()
    {
        var name = new AdapterName(Bank);
        return new BankRecord(
            name,
            Active is null ? null : new AdapterVersion(Active),
            Previous is null ? null : new AdapterVersion(Previous),
            Revision,
            Versions.Select(version => version.ToRecord(name)).ToImmutableDictionary(version => version.Version));
    }
}

/// <summary>A version of a bank between silos.</summary>
[GenerateSerializer, Immutable, Alias("moelora.version")]
public sealed record VersionMessage
{
    /// <summary>The version.</summary>
    [Id(0)]
    public required string Version { get; init; }

    /// <summary>Its bundle, <c>sha256:</c> and 64 digits.</summary>
    [Id(1)]
    public required string BundleHash { get; init; }

    /// <summary>Its base model, 64 digits.</summary>
    [Id(2)]
    public required string BaseModelHash { get; init; }

    /// <summary>Its tasks by id.</summary>
    [Id(3)]
    public required Dictionary<int, string> Tasks { get; init; }

    /// <summary>Where it is in its life.</summary>
    [Id(4)]
    public required RolloutState State { get; init; }

    /// <summary>A canary's share; null otherwise.</summary>
    [Id(5)]
    public double? CanaryShare { get; init; }

    /// <summary>A canary's tenants.</summary>
    [Id(6)]
    public string[] CanaryTenants { get; init; } = [];

    /// <summary>A shadow's share; null otherwise.</summary>
    [Id(7)]
    public double? ShadowShare { get; init; }

    /// <summary>Why it failed; null otherwise.</summary>
    [Id(8)]
    public string? Problem { get; init; }

    /// <summary>When it was published.</summary>
    [Id(9)]
    public required DateTimeOffset Published { get; init; }

    /// <summary>Since when it is in its state.</summary>
    [Id(10)]
    public required DateTimeOffset Since { get; init; }

    /// <summary>How often it changed.</summary>
    [Id(11)]
    public long Revision { get; init; }

    /// <summary>The silo that held its bundle when it was published, as <see cref="Silos.ISiloGrain"/>'s key.</summary>
    [Id(12)]
    public string? Holder { get; init; }

    /// <summary>How long its answers may go on while it drains, where the command said so; null otherwise. Kept when it is retired: its answers do not go on elsewhere.</summary>
    [Id(13)]
    public TimeSpan? Deadline { get; init; }

    internal static VersionMessage Of(VersionRecord version) => new()
    {
        Version = version.Version.ToString(),
        BundleHash = version.BundleHash.ToString(),
        BaseModelHash = version.BaseModelHash,
        Tasks = version.Tasks.ToDictionary(),
        State = version.State,
        CanaryShare = version.Canary?.Share,
        CanaryTenants = [.. version.Canary?.Tenants.Select(tenant => tenant.Text) ?? []],
        ShadowShare = version.ShadowShare,
        Problem = version.Problem,
        Published = version.Published,
        Since = version.Since,
        Revision = version.Revision,
    };

    internal VersionRecord ToRecord(AdapterName bank) => new()
    {
        Bank = bank,
        Version = new AdapterVersion(Version),
        BundleHash = Adapters.Bundles.BundleHash.Parse(BundleHash),
        BaseModelHash = BaseModelHash,
        Tasks = Tasks.ToImmutableSortedDictionary(),
        State = State,
        Canary = CanaryShare is { } share ? new CanaryRule(share, [.. CanaryTenants.Select(TenantId.Parse)]) : null,
        ShadowShare = ShadowShare,
        Problem = Problem,
        Published = Published,
        Since = Since,
        Revision = Revision,
    };
}

/// <summary>A line of a bank's history between silos; see <see cref="RolloutChange"/>.</summary>
[GenerateSerializer, Immutable, Alias("moelora.change")]
public sealed record ChangeMessage(
    [property: Id(0)] string Bank, [property: Id(1)] string Version, [property: Id(2)] RolloutState? From, [property: Id(3)] RolloutState To,
    [property: Id(4)] DateTimeOffset At, [property: Id(5)] string By, [property: Id(6)] string? Reason)
{
    internal static ChangeMessage Of(RolloutChange change) => new(change.Bank, change.Version, change.From, change.To, change.At, change.By, change.Reason);

    internal RolloutChange ToChange() => new(Bank, Version, From, To, At, By, Reason);
}

/// <summary>A bundle that a silo holds and that is to become a version.</summary>
/// <param name="Version">Its version.</param>
/// <param name="BundleHash"><c>sha256:</c> and 64 digits.</param>
/// <param name="BaseModelHash">64 digits.</param>
/// <param name="Tasks">Its tasks by id.</param>
[GenerateSerializer, Immutable, Alias("moelora.published")]
public sealed record BundleMessage(
    [property: Id(0)] string Version, [property: Id(1)] string BundleHash, [property: Id(2)] string BaseModelHash, [property: Id(3)] Dictionary<int, string> Tasks);

/// <summary>What a <see cref="RolloutCommand"/> is.</summary>
public enum CommandKind : byte
{
    /// <summary><see cref="LoadVersion"/>.</summary>
    Load,

    /// <summary><see cref="ActivateVersion"/>.</summary>
    Activate,

    /// <summary><see cref="StartCanary"/>.</summary>
    Canary,

    /// <summary><see cref="StartShadow"/>.</summary>
    Shadow,

    /// <summary><see cref="Contracts.Rollouts.RollBack"/>.</summary>
    RollBack,

    /// <summary><see cref="RetireVersion"/>.</summary>
    Retire,
}

/// <summary>A <see cref="RolloutCommand"/> between silos; the bank is the grain's key.</summary>
[GenerateSerializer, Immutable, Alias("moelora.command")]
public sealed record CommandMessage
{
    /// <summary>What to do.</summary>
    [Id(0)]
    public required CommandKind Kind { get; init; }

    /// <summary>With which version; null for a rollback.</summary>
    [Id(1)]
    public string? Version { get; init; }

    /// <summary>A canary's or shadow's share.</summary>
    [Id(2)]
    public double Share { get; init; }

    /// <summary>A canary's tenants.</summary>
    [Id(3)]
    public string[] Tenants { get; init; } = [];

    /// <summary>When what drains is ended.</summary>
    [Id(4)]
    public TimeSpan? Deadline { get; init; }

    internal static CommandMessage Of(RolloutCommand command) => command switch
    {
        LoadVersion load => new() { Kind = CommandKind.Load, Version = load.Version },
        ActivateVersion activate => new() { Kind = CommandKind.Activate, Version = activate.Version },
        StartCanary canary => new() { Kind = CommandKind.Canary, Version = canary.Version, Share = canary.Rule.Share, Tenants = [.. canary.Rule.Tenants.Select(tenant => tenant.Text)] },
        StartShadow shadow => new() { Kind = CommandKind.Shadow, Version = shadow.Version, Share = shadow.Share },
        RollBack => new() { Kind = CommandKind.RollBack },
        RetireVersion retire => new() { Kind = CommandKind.Retire, Version = retire.Version, Deadline = retire.Deadline },
        _ => throw new ArgumentException($"The command {command.GetType().Name} is not known.", nameof(command)),
    };

    internal RolloutCommand ToCommand(string bank) => Kind switch
    {
        CommandKind.Load => new LoadVersion(bank, Version!),
        CommandKind.Activate => new ActivateVersion(bank, Version!),
        CommandKind.Canary => new StartCanary(bank, Version!, new CanaryRule(Share, [.. Tenants.Select(TenantId.Parse)])),
        CommandKind.Shadow => new StartShadow(bank, Version!, Share),
        CommandKind.RollBack => new RollBack(bank),
        CommandKind.Retire => new RetireVersion(bank, Version!, Deadline),
        _ => throw new InvalidOperationException($"The command {Kind} is not known; the silos run different releases."),
    };
}

/// <summary>What came of a command: the version that it is about, or why it was not carried out.</summary>
[GenerateSerializer, Immutable, Alias("moelora.command-reply")]
public sealed record CommandReply([property: Id(0)] VersionMessage? Version, [property: Id(1)] ErrorMessage? Error);

/// <summary>What a version did on a silo.</summary>
/// <param name="Bank">Its bank.</param>
/// <param name="Version">Its name.</param>
/// <param name="Running">Answers that run on it now.</param>
/// <param name="Compared">A shadow's answers that were compared.</param>
/// <param name="Equal">Those that were equal.</param>
/// <param name="Dropped">Requests that were not copied to it.</param>
[GenerateSerializer, Immutable, Alias("moelora.version-count")]
public sealed record VersionCount(
    [property: Id(0)] string Bank, [property: Id(1)] string Version, [property: Id(2)] int Running, [property: Id(3)] long Compared, [property: Id(4)] long Equal, [property: Id(5)] long Dropped)
{
    internal static VersionCount Of(AdapterVersionStatus version) => new(
        version.Bank, version.Version, version.RunningSequences, version.Shadow?.Compared ?? 0, version.Shadow?.Equal ?? 0, version.Shadow?.Dropped ?? 0);
}

/// <summary>What came of bringing a silo to a bank's state.</summary>
[GenerateSerializer, Immutable, Alias("moelora.follow-reply")]
public sealed record FollowReply
{
    /// <summary>The name of the silo's node.</summary>
    [Id(0)]
    public required string Node { get; init; }

    /// <summary>The revision that the silo now follows.</summary>
    [Id(1)]
    public required long Revision { get; init; }

    /// <summary>The versions that it can answer with.</summary>
    [Id(2)]
    public string[] Loaded { get; init; } = [];

    /// <summary>The versions that it takes out of memory when their last answers have ended.</summary>
    [Id(3)]
    public string[] Draining { get; init; } = [];

    /// <summary>
    /// Why versions that it should hold in memory are not there, by version; empty when all are. A silo that is not ready, or lacks a version's base model, does
    /// not name it here.
    /// </summary>
    [Id(4)]
    public Dictionary<string, string> Problems { get; init; } = [];

    /// <summary>Whether it lacked versions of the bank already before it was asked, and answered nothing for it therefore: its refusals stop nobody.</summary>
    [Id(5)]
    public bool WasExcluded { get; init; }
}
