using System.Collections.Concurrent;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Grid.Tenants;

/// <summary>A tenant's room in this process: the leases that run, those whose end its grain does not know yet, and what the grain said last. Safe for any number of callers.</summary>
/// <param name="grain">The tenant's grain; null while there is no cluster.</param>
/// <param name="time">The clock.</param>
internal sealed class TenantRoom(Func<ITenantGrain?> grain, TimeProvider time)
{
    private const int MostEnds = 1000;
    private static readonly TimeSpan Fresh = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Known = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<Guid, TenantDemandMessage> _leases = new();
    private readonly Lock _lock = new();
    private readonly Queue<LeaseEndMessage> _ends = new();
    private bool _sends;
    private bool _asks;
    private TenantBudget? _budget;
    private long? _told;

    /// <summary>The tenant's limits as they were last.</summary>
    public TenantLimits Limits { get; set; } = TenantLimits.None;

    /// <summary>What runs.</summary>
    public TenantDemandMessage[] Leases => [.. _leases.Values];

    public void Begin(TenantDemandMessage lease) => _leases[lease.Lease] = lease;

    /// <summary>A lease ended. Its grain is told, with others, as soon as it can be reached.</summary>
    public void End(LeaseEndMessage end)
    {
        _leases.TryRemove(end.Lease, out _);
        lock (_lock)
        {
            _ends.Enqueue(end);
            if (_sends)
                return;
            _sends = true;
        }

        _ = Task.Run(SendAsync);
    }

    /// <summary>Takes what the grain says.</summary>
    public void Tell(BudgetMessage? budget)
    {
        lock (_lock)
            (_budget, _told) = (budget?.ToBudget(), time.GetTimestamp());
    }

    /// <summary>What the grain said lately, and asks it anew where that is not fresh.</summary>
    public TenantBudget? ReadBudget()
    {
        lock (_lock)
        {
            TimeSpan age = _told is { } told ? time.GetElapsedTime(told) : TimeSpan.MaxValue;
            // A tenant without limits has no budget: it is asked for now and then, because it may get limits.
            if (age > (_told is not null && _budget is null ? Known : Fresh) && !_asks)
            {
                _asks = true;
                _ = Task.Run(AskAsync);
            }

            return age < Known ? _budget : null;
        }
    }

    private async Task SendAsync()
    {
        while (true)
        {
            LeaseEndMessage[] ends;
            lock (_lock)
            {
                ends = [.. _ends.Take(MostEnds)];
                if (ends.Length == 0)
                {
                    _sends = false;
                    return;
                }
            }

            try
            {
                // Without a cluster there is nobody who counts: a silo that left holds nothing.
                if (grain() is { } tenant)
                    await tenant.EndAsync(ends);
            }
            catch (Exception)
            {
                // Whatever it was: the grain counts these as running until it is told.
                await Task.Delay(Pause, time);
                continue;
            }

            lock (_lock)
            {
                for (int i = 0; i < ends.Length; i++)
                    _ends.Dequeue();
            }
        }
    }

    private async Task AskAsync()
    {
        try
        {
            if (grain() is { } tenant)
                Tell(await tenant.BudgetAsync());
        }
        catch (Exception)
        {
            // Callers go on without the headers.
        }
        finally
        {
            lock (_lock)
                _asks = false;
        }
    }
}
