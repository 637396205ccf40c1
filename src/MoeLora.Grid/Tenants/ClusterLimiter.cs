using System.Collections.Concurrent;
using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Tenants;

namespace MoeLora.Grid.Tenants;

/// <summary>
/// Keeps tenants within their limits across a cluster. Room is the tenant's grain's to give; what runs in this process is counted here too, because no tenant uses
/// less in the cluster than here. Without the cluster a tenant with limits is refused; for one without, nobody is asked. It is made before its silo, which connects
/// it to the cluster.
/// </summary>
public sealed class ClusterLimiter : ITenantLimiter, ITenantBudgets
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<TenantId, TenantRoom> _rooms = new();
    private readonly TenantLimiter _here;
    private readonly TimeProvider _time;
    private volatile Connection? _connection;

    /// <summary>Begins with nothing used, and without a cluster.</summary>
    /// <param name="time">The clock; null for the system's.</param>
    public ClusterLimiter(TimeProvider? time = null)
    {
        _time = time ?? TimeProvider.System;
        _here = new TenantLimiter(_time);
    }

    /// <inheritdoc/>
    public async ValueTask<GridResult<TenantLease>> AcquireAsync(Tenant tenant, TenantDemand demand, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        if (_here.FindRefusal(tenant, demand) is { } refusal)
            return refusal;
        if (tenant.Limits is { RequestsPerMinute: null, TokensPerMinute: null, ConcurrentSequences: null })
            return await _here.AcquireAsync(tenant, demand, cancellation);
        if (_connection is not { } connection)
            return Unreachable(tenant.Id, "this silo is not part of the cluster yet.");

        TenantRoom room = Room(tenant.Id);
        room.Limits = tenant.Limits;
        TenantDemandMessage asked = TenantDemandMessage.Of(tenant, demand, connection.Silo);
        TenantReply reply;
        try
        {
            reply = await connection.Grain(tenant.Id).AcquireAsync(asked);
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            room.End(new LeaseEndMessage(asked.Lease, 0, Counts: false)); // it may have been given all the same
            return Unreachable(tenant.Id, e.Message);
        }

        room.Tell(reply.Budget);
        if (reply.Error is { } error)
            return error.ToError();
        // Counted here without asking for room: the tenant's grain has given it.
        Tenant unlimited = tenant with { Limits = new TenantLimits { Weight = tenant.Limits.Weight } };
        if (!(await _here.AcquireAsync(unlimited, demand, CancellationToken.None)).TryGet(out TenantLease? here, out GridError? defect))
            throw new InvalidOperationException($"A tenant without limits was refused: {defect.Message}");
        return GridResult<TenantLease>.Success(new Lease(room, asked, here));
    }

    /// <inheritdoc/>
    /// <remarks>What is used here is a part of what is used in the cluster: who has no room here has none there.</remarks>
    public GridError? FindRefusal(Tenant tenant, TenantDemand demand) => _here.FindRefusal(tenant, demand);

    /// <inheritdoc/>
    /// <remarks>In this process alone; a cluster's is the sum of its silos'.</remarks>
    public IReadOnlyList<TenantUsage> DescribeUsage() =>
        [.. _here.DescribeUsage().Select(usage => _rooms.TryGetValue(usage.Tenant, out TenantRoom? room) ? usage with { Limits = room.Limits } : usage)];

    /// <inheritdoc/>
    /// <remarks>As the tenant's grain said last; asking makes it be asked again, and it tells the next who asks.</remarks>
    public TenantBudget? Describe(TenantId tenant) => _connection is null ? null : Room(tenant).ReadBudget();

    /// <summary>What this process holds of a tenant's room.</summary>
    internal TenantHeldMessage DescribeHeld(TenantId tenant)
    {
        TenantUsage? usage = _here.DescribeUsage().FirstOrDefault(each => each.Tenant == tenant);
        return new TenantHeldMessage(_rooms.TryGetValue(tenant, out TenantRoom? room) ? room.Leases : [], usage?.RequestsLastMinute ?? 0, usage?.TokensLastMinute ?? 0);
    }

    /// <summary>The silo can call and be called.</summary>
    internal void Connect(IGrainFactory grains, string silo) => _connection = new Connection(grains, silo);

    /// <summary>The silo leaves.</summary>
    internal void Disconnect() => _connection = null;

    private TenantRoom Room(TenantId tenant) => _rooms.GetOrAdd(tenant, id => new TenantRoom(() => _connection?.Grain(id), _time));

    private static GridError Unreachable(TenantId tenant, string why) =>
        new(GridErrorKind.Unavailable, $"The limits of tenant '{tenant}' cannot be checked now: {why}", RetryAfter: RetryAfter);

    private sealed record Connection(IGrainFactory Grains, string Silo)
    {
        public ITenantGrain Grain(TenantId tenant) => Grains.GetGrain<ITenantGrain>(tenant.Text);
    }

    private sealed class Lease : TenantLease
    {
        private readonly TenantRoom _room;
        private readonly TenantDemandMessage _asked;
        private readonly TenantLease _here;

        public Lease(TenantRoom room, TenantDemandMessage asked, TenantLease here)
            : base(here.Weight)
        {
            (_room, _asked, _here) = (room, asked, here);
            room.Begin(asked);
        }

        protected override void End(long? usedTokens, bool counts)
        {
            if (!counts)
                _here.Cancel();
            else if (usedTokens is { } used)
                _here.Complete(used);
            else
                _here.Dispose();
            _room.End(new LeaseEndMessage(_asked.Lease, usedTokens, counts));
        }
    }
}
