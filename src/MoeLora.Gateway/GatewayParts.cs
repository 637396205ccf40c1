using MoeLora.Contracts;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Gateway;

/// <summary>What a gateway stands in front of. The routes of a part that is not there are not mapped.</summary>
public sealed record GatewayParts
{
    /// <summary>Answers.</summary>
    public required IModelGrid Grid { get; init; }

    /// <summary>Whether this process answers with weights of its own, for <c>/readyz/own</c>; null where that is <see cref="Grid"/>'s status, which may be that of a whole cluster.</summary>
    public Func<GridStatus>? OwnStatus { get; init; }

    /// <summary>By which name a collector tells this process from others; null for one that is made up at each start.</summary>
    public string? Name { get; init; }

    /// <summary>Knows tenants and keys. Null where nobody has a key: then callers are proven by tokens, or not at all.</summary>
    public ITenantDirectory? Tenants { get; init; }

    /// <summary>Knows what is left of tenants' limits, for the <c>x-ratelimit-*</c> headers.</summary>
    public ITenantBudgets? Budgets { get; init; }

    /// <summary>Publishes, activates and retires adapter versions.</summary>
    public IRollouts? Rollouts { get; init; }

    /// <summary>Describes the grid to people.</summary>
    public IGridOverview? Overview { get; init; }

    /// <summary>Says where tasks live, and what each silo has.</summary>
    public ISiloOverview? Silos { get; init; }

    /// <summary>Remembers who was turned away, and who read the trail itself.</summary>
    public IAuditTrail? Audit { get; init; }

    /// <summary>Forms in which the audit trail is given out, besides the gateway's own JSON lines.</summary>
    public IReadOnlyList<IAuditFormat> AuditFormats { get; init; } = [];

    /// <summary>Pages of others on the listener of administration, for administrators alone.</summary>
    public IReadOnlyList<IAdministrationPages> Pages { get; init; } = [];

    /// <summary>How the names of further meters begin whose instruments are shown beside ours.</summary>
    public IReadOnlyList<string> Meters { get; init; } = [];

    /// <summary>Further sources of spans that are sent beside ours.</summary>
    public IReadOnlyList<string> ActivitySources { get; init; } = [];

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
