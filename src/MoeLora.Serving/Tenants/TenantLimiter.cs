using System.Collections.Concurrent;
using System.Globalization;
using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Serving.Tenants;

/// <summary>
/// The limits of tenants within one process. Requests and tokens of a minute are sliding windows in slots of a second
/// (<see cref="MinuteWindow"/>): no 60 seconds ever hold more than the limit, which a token bucket that begins full does not promise. A
/// request's tokens count from its admission. A tenant's figures are about a kilobyte and are forgotten a minute after its last request.
/// </summary>
public sealed class TenantLimiter : ITenantLimiter, ITenantBudgets
{
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<TenantId, Figures> _tenants = new();
    private readonly TimeProvider _time;
    private readonly long _start;
    private long _nextSweep = SweepInterval.Ticks;

    /// <summary>Begins with nothing used.</summary>
    public TenantLimiter(TimeProvider time)
    {
        _time = time;
        _start = time.GetTimestamp();
    }

    /// <summary>Tenants whose figures are kept.</summary>
    internal int Remembered => _tenants.Count;

    private TimeSpan Now => _time.GetElapsedTime(_start);

    /// <inheritdoc/>
    public ValueTask<GridResult<TenantLease>> AcquireAsync(Tenant tenant, TenantDemand demand, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(demand.Answers, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(demand.Tokens);
        cancellation.ThrowIfCancellationRequested();
        return ValueTask.FromResult(FindImpossible(tenant, demand) is { } error ? error : Acquire(tenant, demand));
    }

    /// <summary>Counts what was given already, whether there is room or not.</summary>
    internal TenantLease Count(TenantId tenant, TenantDemand demand) =>
        Acquire(new Tenant(tenant, TenantLimits.None, true, DateTimeOffset.UnixEpoch), demand, isGiven: true).TryGet(out TenantLease? lease, out GridError? defect)
            ? lease
            : throw new InvalidOperationException($"What was given was refused: {defect.Message}");

    /// <inheritdoc/>
    public GridError? FindRefusal(Tenant tenant, TenantDemand demand)
    {
        if (FindImpossible(tenant, demand) is { } error)
            return error;
        if (!_tenants.TryGetValue(tenant.Id, out Figures? figures))
            return null;
        lock (figures.Gate)
        {
            TimeSpan now = Now;
            figures.MoveTo(now);
            return FindShortage(tenant, demand, figures, now);
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<TenantUsage> DescribeUsage()
    {
        var usage = new List<TenantUsage>();
        foreach ((TenantId id, Figures figures) in _tenants)
        {
            lock (figures.Gate)
            {
                figures.MoveTo(Now);
                if (!figures.IsIdle)
                    usage.Add(new TenantUsage(id, figures.Running, figures.Tokens.Sum, figures.Requests.Sum, figures.Limits));
            }
        }

        usage.Sort((a, b) => string.CompareOrdinal(a.Tenant.Text, b.Tenant.Text));
        return usage;
    }

    /// <inheritdoc/>
    public TenantBudget? Describe(TenantId tenant)
    {
        if (!_tenants.TryGetValue(tenant, out Figures? figures))
            return null;
        lock (figures.Gate)
        {
            TimeSpan now = Now;
            figures.MoveTo(now);
            BudgetLine? requests = Line(figures.Requests, figures.Limits.RequestsPerMinute);
            BudgetLine? tokens = Line(figures.Tokens, figures.Limits.TokensPerMinute);
            return requests is null && tokens is null ? null : new TenantBudget(requests, tokens);

            BudgetLine? Line(MinuteWindow window, int? limit) =>
                limit is { } most ? new BudgetLine(most, Math.Max(0, most - window.Sum), window.TimeUntil(now, 0)) : null;
        }
    }

    /// <summary>What waiting does not mend.</summary>
    private static GridError? FindImpossible(Tenant tenant, TenantDemand demand)
    {
        TenantLimits limits = tenant.Limits;
        if (!tenant.Enabled)
            return new GridError(GridErrorKind.Forbidden, $"Tenant '{tenant.Id}' is disabled.");
        if (!limits.Allows(demand.Bank, demand.Task))
            return new GridError(GridErrorKind.Forbidden, $"Tenant '{tenant.Id}' may not ask '{(demand.Bank is null ? demand.Task : $"{demand.Bank}/{demand.Task}")}'.", "model");
        if (demand.Continues)
            return null;
        if (demand.Tokens > limits.TokensPerMinute)
        {
            return new GridError(
                GridErrorKind.InvalidRequest,
                Text($"Prompt and answers may take {demand.Tokens} tokens, and tenant '{tenant.Id}' has {limits.TokensPerMinute} in a minute. Ask for fewer, or shorten the prompt."),
                "max_tokens");
        }

        return demand.Answers > limits.ConcurrentSequences
            ? new GridError(GridErrorKind.InvalidRequest, Text($"{demand.Answers} answers at once are asked for, and tenant '{tenant.Id}' may have {limits.ConcurrentSequences}."), "n")
            : null;
    }

    private GridResult<TenantLease> Acquire(Tenant tenant, TenantDemand demand, bool isGiven = false)
    {
        while (true)
        {
            Figures figures = _tenants.GetOrAdd(tenant.Id, static _ => new Figures());
            lock (figures.Gate)
            {
                if (figures.IsForgotten)
                    continue; // swept between the two lines above: take the new ones
                TimeSpan now = Now;
                figures.MoveTo(now);
                if (!isGiven)
                {
                    figures.Limits = tenant.Limits;
                    if (FindShortage(tenant, demand, figures, now) is { } error)
                        return error;
                }

                long slot = MinuteWindow.SlotOf(now);
                figures.Running += demand.Answers;
                figures.Requests.Add(slot, demand.Continues ? 0 : 1);
                figures.Tokens.Add(slot, demand.Tokens);
                Sweep(now);
                return GridResult<TenantLease>.Success(new Lease(this, figures, slot, demand, tenant.Limits.Weight));
            }
        }
    }

    /// <summary>What waiting mends.</summary>
    private static GridError? FindShortage(Tenant tenant, TenantDemand demand, Figures figures, TimeSpan now)
    {
        if (demand.Continues)
            return null;
        TenantLimits limits = tenant.Limits;
        if (figures.Running + demand.Answers > limits.ConcurrentSequences)
        {
            return new GridError(
                GridErrorKind.RateLimited,
                Text($"Tenant '{tenant.Id}' has {figures.Running} of {limits.ConcurrentSequences} answers at once; {demand.Answers} more are asked for. Try again when one has ended."));
        }

        bool requestsShort = figures.Requests.Sum >= limits.RequestsPerMinute;
        bool tokensShort = figures.Tokens.Sum + demand.Tokens > limits.TokensPerMinute;
        if (!requestsShort && !tokensShort)
            return null;
        TimeSpan requestsWait = requestsShort ? figures.Requests.TimeUntil(now, limits.RequestsPerMinute!.Value - 1) : TimeSpan.Zero;
        TimeSpan tokensWait = tokensShort ? figures.Tokens.TimeUntil(now, limits.TokensPerMinute!.Value - demand.Tokens) : TimeSpan.Zero;
        string message = requestsShort
            ? Text($"Tenant '{tenant.Id}' has used its {limits.RequestsPerMinute} requests in a minute.")
            : Text($"Tenant '{tenant.Id}' has used {figures.Tokens.Sum} of its {limits.TokensPerMinute} tokens in a minute, and this request may take {demand.Tokens}.");
        return new GridError(GridErrorKind.RateLimited, message, RetryAfter: requestsWait > tokensWait ? requestsWait : tokensWait);
    }

    /// <summary>Forgets tenants that use nothing, now and then.</summary>
    private void Sweep(TimeSpan now)
    {
        long due = Interlocked.Read(ref _nextSweep);
        if (now.Ticks < due || Interlocked.CompareExchange(ref _nextSweep, now.Ticks + SweepInterval.Ticks, due) != due)
            return;
        foreach (KeyValuePair<TenantId, Figures> pair in _tenants)
        {
            // Whoever holds a gate is not idle; waiting for it here, with another gate held, could be for ever.
            if (!pair.Value.Gate.TryEnter())
                continue;
            try
            {
                pair.Value.MoveTo(now);
                pair.Value.IsForgotten = pair.Value.IsIdle && _tenants.TryRemove(pair);
            }
            finally
            {
                pair.Value.Gate.Exit();
            }
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>What one tenant uses; all of it under <see cref="Gate"/>.</summary>
    private sealed class Figures
    {
        public Lock Gate { get; } = new();

        public MinuteWindow Tokens { get; } = new();

        public MinuteWindow Requests { get; } = new();

        public int Running { get; set; }

        /// <summary>The limits of the last request.</summary>
        public TenantLimits Limits { get; set; } = TenantLimits.None;

        public bool IsForgotten { get; set; }

        public bool IsIdle => Running == 0 && Tokens.Sum == 0 && Requests.Sum == 0;

        public void MoveTo(TimeSpan now)
        {
            Tokens.MoveTo(now);
            Requests.MoveTo(now);
        }
    }

    private sealed class Lease(TenantLimiter limiter, Figures figures, long slot, TenantDemand demand, double weight) : TenantLease(weight)
    {
        protected override void End(long? usedTokens, bool counts)
        {
            lock (figures.Gate)
            {
                TimeSpan now = limiter.Now;
                figures.MoveTo(now);
                figures.Running -= demand.Answers;
                long difference = (usedTokens ?? demand.Tokens) - demand.Tokens;
                figures.Tokens.Add(difference > 0 ? MinuteWindow.SlotOf(now) : slot, difference);
                if (!counts && !demand.Continues)
                    figures.Requests.Add(slot, -1);
            }
        }
    }
}
