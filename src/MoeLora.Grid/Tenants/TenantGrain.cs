using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;
using MoeLora.Serving.Tenants;

namespace MoeLora.Grid.Tenants;

/// <inheritdoc cref="ITenantGrain"/>
/// <remarks>
/// It counts in memory. When its silo dies, the next activation asks all silos what they hold and goes on from there: all that was used within the last minute
/// counts as used now, so a limit is never exceeded because of it.
/// </remarks>
internal sealed class TenantGrain(ISiloPeers peers, ISiloStatusOracle membership, TimeProvider time) : Grain, ITenantGrain
{
    private static readonly TimeSpan LongestQuestion = TimeSpan.FromSeconds(2);

    private readonly TenantLimiter _limiter = new(time);
    private readonly Dictionary<Guid, (TenantLease Lease, string Silo)> _leases = [];
    private TenantId _tenant;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _tenant = TenantId.Parse(this.GetPrimaryKeyString());
        // A silo that cannot say what it holds within this time is dying, and its leases with it.
        await Task.WhenAll(peers.Active.Append(peers.Self).Distinct().Select(async silo =>
        {
            try
            {
                await TakeUpAsync(await GrainFactory.GetGrain<ITenantHoldingsGrain>(silo).HeldAsync(_tenant.Text).WaitAsync(LongestQuestion, time, cancellationToken));
            }
            catch (Exception e) when (e is OrleansException or TimeoutException)
            {
            }
        }));
    }

    public async Task<TenantReply> AcquireAsync(TenantDemandMessage demand)
    {
        Tenant tenant = demand.ToTenant(_tenant);
        GridResult<TenantLease> result = await _limiter.AcquireAsync(tenant, demand.ToDemand());
        if (!result.TryGet(out TenantLease? lease, out GridError? error) && EndLost() > 0)
            result = await _limiter.AcquireAsync(tenant, demand.ToDemand());
        if (!result.TryGet(out lease, out error))
            return new TenantReply(ErrorMessage.Of(error), Budget());
        _leases[demand.Lease] = (lease, demand.Silo);
        return new TenantReply(null, Budget());
    }

    public Task EndAsync(LeaseEndMessage[] ends)
    {
        foreach (LeaseEndMessage end in ends)
        {
            if (!_leases.Remove(end.Lease, out (TenantLease Lease, string Silo) known))
                continue;
            if (!end.Counts)
                known.Lease.Cancel();
            else if (end.UsedTokens is { } used)
                known.Lease.Complete(used);
            else
                known.Lease.Dispose();
        }

        return Task.CompletedTask;
    }

    public Task<BudgetMessage?> BudgetAsync()
    {
        EndLost();
        return Task.FromResult(Budget());
    }

    private BudgetMessage? Budget() => BudgetMessage.Of(_limiter.Describe(_tenant));

    /// <summary>Ends the leases of silos that are dead.</summary>
    private int EndLost()
    {
        Guid[] lost = [.. _leases.Where(pair => membership.IsDeadSilo(SiloAddress.FromParsableString(pair.Value.Silo))).Select(pair => pair.Key)];
        foreach (Guid lease in lost)
        {
            if (_leases.Remove(lease, out (TenantLease Lease, string Silo) known))
                known.Lease.Dispose(); // nobody knows what it used
        }

        return lost.Length;
    }

    /// <summary>Counts what a silo holds, without asking whether there is room: it was given.</summary>
    private async Task TakeUpAsync(TenantHeldMessage held)
    {
        var unlimited = new Tenant(_tenant, TenantLimits.None, true, DateTimeOffset.UnixEpoch);
        foreach (TenantDemandMessage demand in held.Leases)
        {
            if ((await _limiter.AcquireAsync(unlimited, demand.ToDemand())).TryGet(out TenantLease? lease, out _))
                _leases[demand.Lease] = (lease, demand.Silo);
        }

        long tokens = Math.Max(0, held.Tokens - held.Leases.Sum(lease => lease.Tokens));
        for (long i = held.Leases.Count(lease => !lease.Continues); i < held.Requests; i++)
        {
            if ((await _limiter.AcquireAsync(unlimited, new TenantDemand(null, "", 1, tokens))).TryGet(out TenantLease? ended, out _))
                ended.Complete(tokens);
            tokens = 0;
        }
    }
}
