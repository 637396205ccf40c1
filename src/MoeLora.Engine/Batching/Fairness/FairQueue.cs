namespace MoeLora.Engine.Batching.Fairness;

/// <summary>
/// The requests that wait, and whose turn it is, by virtual token counters (VTC, arXiv 2401.00588, algorithm 2): next is the earliest request of the tenant that was
/// served least, where a token of a prompt costs 1 and a generated one 2. A tenant that comes back is lifted to the least that a waiting tenant was served, less a
/// credit: of what it did not use while it was away so much is kept, so that a prompt of somebody who asks now and then is computed before more of a flood's, and the
/// rest is gone. Bounded, in all and for each tenant. Safe from any thread.
/// </summary>
/// <remarks>
/// Two tenants that both always wait are served costs, divided by their weights, that differ by 2 · max(P, 2M) at most over any time, P being the tokens of the longest prompt
/// and M those of all sequences that run together (the paper's bound for backlogged clients), and by the credit.
/// </remarks>
/// <param name="capacity">Most requests that wait.</param>
/// <param name="tenantCapacity">Most requests of one tenant that wait.</param>
/// <param name="credit">Cost, for a weight of 1, that a tenant may be served ahead of others when it comes back after it was served less.</param>
internal sealed class FairQueue(int capacity, int tenantCapacity, double credit = 0)
{
    /// <summary>Cost of a token of a prompt that is computed.</summary>
    public const double PromptToken = 1;

    /// <summary>Cost of a generated token.</summary>
    public const double GeneratedToken = 2;

    // Beyond so many tenants, those are forgotten whose counter says nothing: a lift would give them at least as much.
    private const int RememberedTenants = 1024;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, TenantShare> _tenants = new(StringComparer.Ordinal);
    private readonly List<TenantShare> _backlogged = []; // with requests that wait
    private TenantShare? _lastBacklogged;
    private long _arrivals;
    private int _count;

    /// <summary>Requests that wait.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Lets a new request wait.</summary>
    /// <returns>Null, or why it may not: too many wait already.</returns>
    public string? TryAdd(QueueTicket ticket, string tenant, double weight)
    {
        lock (_lock)
        {
            if (_count >= capacity)
                return $"{_count} requests wait already; at most {capacity} may.";
            if (!_tenants.TryGetValue(tenant, out TenantShare? share))
                share = new TenantShare(tenant);
            if (share.Waiting.Count >= tenantCapacity)
                return $"{share.Waiting.Count} requests of this tenant wait already; at most {tenantCapacity} may.";

            if (share.Waiting.Count == 0)
                share.Counter = Math.Max(share.Counter, Floor() - credit);
            _tenants[tenant] = share;
            share.Weight = weight;
            share.Open++;
            ticket.Tenant = share;
            ticket.Arrival = _arrivals++;
            Insert(ticket);
            return null;
        }
    }

    /// <summary>
    /// The earliest request of the tenant with the smallest counter, among tenants whose earliest request <paramref name="mayRun"/>; it goes on waiting. Of equal
    /// counters the earlier request. Null when there is none.
    /// </summary>
    public QueueTicket? Next(Func<QueueTicket, bool> mayRun)
    {
        lock (_lock)
        {
            QueueTicket? next = null;
            foreach (TenantShare tenant in _backlogged)
            {
                QueueTicket first = tenant.Waiting.First!.Value;
                if (next is not null && (tenant.Counter, first.Arrival).CompareTo((next.Tenant.Counter, next.Arrival)) > 0)
                    continue;
                if (mayRun(first))
                    next = first;
            }

            return next;
        }
    }

    /// <summary>Takes a request out that will run, or was cancelled.</summary>
    /// <returns>Whether it waited.</returns>
    public bool TryTake(QueueTicket ticket)
    {
        lock (_lock)
        {
            if (ticket.Node.List is null)
                return false;
            TenantShare tenant = ticket.Tenant;
            tenant.Waiting.Remove(ticket.Node);
            Volatile.Write(ref _count, _count - 1);
            if (tenant.Waiting.Count == 0)
            {
                _backlogged.Remove(tenant);
                _lastBacklogged = tenant;
            }

            return true;
        }
    }

    /// <summary>Lets a request wait again that ran, at its old place: before all of its tenant that came later. It is never refused.</summary>
    public void PutBack(QueueTicket ticket)
    {
        lock (_lock)
            Insert(ticket);
    }

    /// <summary>Notes that a tenant was served.</summary>
    public void Charge(TenantShare tenant, double cost)
    {
        lock (_lock)
            tenant.Counter += cost / tenant.Weight;
    }

    /// <summary>Forgets a request that does not wait and will not again.</summary>
    public void Close(QueueTicket ticket)
    {
        lock (_lock)
        {
            ticket.Tenant.Open--;
            if (_tenants.Count <= RememberedTenants)
                return;
            double floor = Floor() - credit;
            foreach (TenantShare tenant in _tenants.Values)
            {
                if (tenant.Open == 0 && tenant.Counter <= floor)
                    _tenants.Remove(tenant.Key);
            }
        }
    }

    private void Insert(QueueTicket ticket)
    {
        LinkedList<QueueTicket> waiting = ticket.Tenant.Waiting;
        if (waiting.Count == 0)
            _backlogged.Add(ticket.Tenant);
        LinkedListNode<QueueTicket>? earlier = waiting.Last;
        while (earlier is not null && earlier.Value.Arrival > ticket.Arrival)
            earlier = earlier.Previous;
        if (earlier is null)
            waiting.AddFirst(ticket.Node);
        else
            waiting.AddAfter(earlier, ticket.Node);
        Volatile.Write(ref _count, _count + 1);
    }

    /// <summary>What a tenant that comes back is measured by: the least counter of a tenant that waits, or else that of the one that waited last.</summary>
    private double Floor()
    {
        if (_backlogged.Count == 0)
            return _lastBacklogged?.Counter ?? 0;
        double least = double.PositiveInfinity;
        foreach (TenantShare tenant in _backlogged)
            least = Math.Min(least, tenant.Counter);
        return least;
    }
}
