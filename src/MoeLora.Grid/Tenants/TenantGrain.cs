using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;
using MoeLora.Serving.Tenants;

namespace MoeLora.Grid.Tenants;

/// <inheritdoc cref="ITenantGrain"/>
/// <remarks>
/// It counts in memory. When its silo dies, the next activation asks all silos what they hold and goes on from there: all that was used within the last minute
/// counts as used now. A silo that does not answer soon is not waited for; what it holds counts from when it says so, and what it used since then may count twice, for
/// a minute.
/// </remarks>
internal sealed class TenantGrain(ISiloPeers peers, ISiloStatusOracle membership, TimeProvider time) : Grain, ITenantGrain
{
    private static readonly TimeSpan LongestQuestion = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan EndsKept = TimeSpan.FromMinutes(1);

    private readonly TenantLimiter _limiter = new(time);
    private readonly Dictionary<Guid, (TenantLease Lease, string Silo)> _leases = [];
    private readonly Dictionary<Guid, long> _early = []; // leases that ended before they were known here, and when
    private readonly HashSet<string> _silent = []; // silos that have not said what they hold
    private TenantId _tenant;
    private IGrainTimer? _asking;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _tenant = TenantId.Parse(this.GetPrimaryKeyString());
        _silent.UnionWith(peers.Active.Append(peers.Self));
        await AskSilentAsync(cancellationToken);
        // One that cannot say so within this time is dying, and its leases with it, or stands still, and says it later: requests do not wait for that.
        if (_silent.Count > 0)
            _asking = this.RegisterGrainTimer(AskSilentAsync, new GrainTimerCreationOptions(AskAgain, AskAgain) { Interleave = true });
    }

    public async Task<TenantReply> AcquireAsync(TenantDemandMessage demand)
    {
        // Nobody waits for this.
        if (_early.Remove(demand.Lease))
            return new TenantReply(ErrorMessage.Of(new GridError(GridErrorKind.Unavailable, "The request was given up before it was counted.")), Budget());
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
            {
                _early[end.Lease] = time.GetTimestamp();
                continue;
            }

            if (!end.Counts)
                known.Lease.Cancel();
            else if (end.UsedTokens is { } used)
                known.Lease.Complete(used);
            else
                known.Lease.Dispose();
        }

        foreach (Guid old in _early.Where(each => time.GetElapsedTime(each.Value) > EndsKept).Select(each => each.Key).ToArray())
            _early.Remove(old);
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

    private async Task AskSilentAsync(CancellationToken cancellation)
    {
        _silent.IntersectWith(peers.Members);
        await Task.WhenAll(_silent.ToArray().Select(async silo =>
        {
            try
            {
                TenantHeldMessage held = await GrainFactory.GetGrain<ISiloGrain>(silo).HeldAsync(_tenant.Text).WaitAsync(LongestQuestion, time, cancellation);
                if (_silent.Remove(silo))
                    TakeUp(held);
            }
            catch (Exception e) when (e is OrleansException or TimeoutException)
            {
            }
        }));
        if (_silent.Count == 0)
            _asking?.Dispose();
    }

    /// <summary>Counts what a silo holds, without asking whether there is room: it was given.</summary>
    private void TakeUp(TenantHeldMessage held)
    {
        foreach (TenantDemandMessage demand in held.Leases.Where(lease => !_leases.ContainsKey(lease.Lease) && !_early.ContainsKey(lease.Lease)))
            _leases[demand.Lease] = (_limiter.Count(_tenant, demand.ToDemand()), demand.Silo);

        long tokens = Math.Max(0, held.Tokens - held.Leases.Sum(lease => lease.Tokens));
        for (long i = held.Leases.Count(lease => !lease.Continues); i < held.Requests; i++)
        {
            _limiter.Count(_tenant, new TenantDemand(null, "", 1, tokens)).Complete(tokens);
            tokens = 0;
        }
    }
}
