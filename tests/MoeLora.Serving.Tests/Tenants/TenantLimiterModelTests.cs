using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Tenants;

namespace MoeLora.Serving.Tests.Tenants;

/// <summary>Random operations of several tenants, against a model that keeps every request in a list and adds up.</summary>
public sealed class TenantLimiterModelTests
{
    private static int Operations => Environment.GetEnvironmentVariable("MOELORA_LONG") == "1" ? 300_000 : 10_000;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Operations_AtRandom_AgreeWithTheModel(int seed)
    {
        var random = new Random(seed);
        var time = new ManualTime();
        var limiter = new TenantLimiter(time);
        var model = new Model();
        var running = new List<(TenantLease Lease, Entry Entry)>();
        Tenant[] tenants = [.. Enumerable.Range(0, 4).Select(i => NewTenant(i, random))];

        for (int i = 0; i < Operations; i++)
        {
            TimeSpan now = TimeSpan.FromTicks(time.GetTimestamp());
            switch (random.Next(10))
            {
                case < 5:
                    Tenant tenant = tenants[random.Next(tenants.Length)];
                    var demand = new TenantDemand("b", "t", random.Next(1, 4), random.Next(0, 60));
                    bool admitted = (await limiter.AcquireAsync(tenant, demand)).TryGet(out TenantLease? lease, out GridError? error);
                    (GridErrorKind? kind, TimeSpan? wait) = model.Refusal(tenant, demand, now);
                    Assert.Equal((kind, wait), (error?.Kind, error?.RetryAfter));
                    if (admitted)
                        running.Add((lease!, model.Add(tenant.Id, demand, now)));
                    else if (wait is { } enough)
                        Assert.NotEqual(GridErrorKind.RateLimited, model.Refusal(tenant, demand, now + enough).Kind);
                    break;
                case < 8 when running.Count > 0:
                    int at = random.Next(running.Count);
                    (TenantLease ending, Entry entry) = running[at];
                    running.RemoveAt(at);
                    long used = random.Next(0, (int)entry.Tokens + 1);
                    switch (random.Next(3))
                    {
                        case 0:
                            ending.Complete(used);
                            entry.Tokens = used;
                            break;
                        case 1:
                            ending.Cancel();
                            entry.Tokens = 0;
                            entry.Requests = 0;
                            break;
                        default:
                            ending.Dispose();
                            break;
                    }

                    entry.Answers = 0;
                    ending.Dispose();
                    break;
                case 8:
                    tenants[random.Next(tenants.Length)] = NewTenant(random.Next(4), random);
                    break;
                default:
                    time.Advance(TimeSpan.FromTicks(random.NextInt64(TimeSpan.TicksPerSecond * (random.Next(20) == 0 ? 90 : 4))));
                    break;
            }

            if (i % 50 == 0)
                Compare(limiter, model, TimeSpan.FromTicks(time.GetTimestamp()));
        }
    }

    /// <summary>Tenants on their own threads at once: what each gets is what it would get alone.</summary>
    [Fact]
    public async Task Limits_ManyTenantsAtOnce_NeverCross()
    {
        int each = Operations / 8;
        var time = new ManualTime();
        var limiter = new TenantLimiter(time);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(async () =>
        {
            var alone = new TenantLimiter(time);
            var random = new Random(i);
            Tenant tenant = NewTenant(i, random);
            var running = new List<(TenantLease Mixed, TenantLease Alone)>();
            for (int k = 0; k < each; k++)
            {
                if (running.Count > 0 && random.Next(3) == 0)
                {
                    int at = random.Next(running.Count);
                    long used = random.Next(10);
                    running[at].Mixed.Complete(used);
                    running[at].Alone.Complete(used);
                    running.RemoveAt(at);
                    continue;
                }

                var demand = new TenantDemand("b", "t", random.Next(1, 3), random.Next(0, 30));
                (await limiter.AcquireAsync(tenant, demand)).TryGet(out TenantLease? mixed, out GridError? mixedError);
                (await alone.AcquireAsync(tenant, demand)).TryGet(out TenantLease? single, out GridError? singleError);
                Assert.Equal(singleError, mixedError);
                if (mixed is not null)
                    running.Add((mixed, single!));
                if (k % 100 == 99)
                    Assert.Equal(alone.DescribeUsage(), limiter.DescribeUsage().Where(usage => usage.Tenant == tenant.Id));
            }
        })));
    }

    private static Tenant NewTenant(int i, Random random) => new(
        TenantId.Parse("t" + i),
        new TenantLimits
        {
            RequestsPerMinute = random.Next(3) == 0 ? null : random.Next(1, 12),
            TokensPerMinute = random.Next(3) == 0 ? null : random.Next(20, 400),
            ConcurrentSequences = random.Next(3) == 0 ? null : random.Next(1, 12),
        },
        true,
        DateTimeOffset.UnixEpoch);

    private static void Compare(TenantLimiter limiter, Model model, TimeSpan now) => Assert.Equal(
        model.Usage(now),
        limiter.DescribeUsage().Select(usage => (usage.Tenant, usage.Running, usage.TokensLastMinute, usage.RequestsLastMinute)));

    private sealed class Entry
    {
        public required TenantId Tenant { get; init; }

        public required long Second { get; init; }

        public required long Tokens { get; set; }

        public long Requests { get; set; } = 1;

        public required int Answers { get; set; }
    }

    private sealed class Model
    {
        private readonly List<Entry> _entries = [];

        public Entry Add(TenantId tenant, TenantDemand demand, TimeSpan now)
        {
            var entry = new Entry { Tenant = tenant, Second = (long)Math.Floor(now.TotalSeconds), Tokens = demand.Tokens, Answers = demand.Answers };
            _entries.Add(entry);
            return entry;
        }

        public (GridErrorKind? Kind, TimeSpan? Wait) Refusal(Tenant tenant, TenantDemand demand, TimeSpan now)
        {
            TenantLimits limits = tenant.Limits;
            if (demand.Tokens > limits.TokensPerMinute || demand.Answers > limits.ConcurrentSequences)
                return (GridErrorKind.InvalidRequest, null);
            if (_entries.Where(entry => entry.Tenant == tenant.Id).Sum(entry => entry.Answers) + demand.Answers > limits.ConcurrentSequences)
                return (GridErrorKind.RateLimited, null);
            if (Fits(now))
                return (null, null);

            // Only the beginning of a second ever makes room.
            long second = (long)Math.Floor(now.TotalSeconds) + 1;
            while (!Fits(TimeSpan.FromSeconds(second)))
                second++;
            return (GridErrorKind.RateLimited, TimeSpan.FromSeconds(second) - now);

            bool Fits(TimeSpan at)
            {
                Entry[] counting = [.. Counting(tenant.Id, at)];
                return !(counting.Sum(entry => entry.Requests) + 1 > limits.RequestsPerMinute) && !(counting.Sum(entry => entry.Tokens) + demand.Tokens > limits.TokensPerMinute);
            }
        }

        public IEnumerable<(TenantId, int, long, long)> Usage(TimeSpan now) => _entries
            .GroupBy(entry => entry.Tenant)
            .Select(group => (group.Key, Running: group.Sum(entry => entry.Answers), Tokens: Counting(group.Key, now).Sum(entry => entry.Tokens), Requests: Counting(group.Key, now).Sum(entry => entry.Requests)))
            .Where(usage => usage.Running + usage.Tokens + usage.Requests > 0)
            .OrderBy(usage => usage.Key.Text, StringComparer.Ordinal)
            .ToArray();

        private IEnumerable<Entry> Counting(TenantId tenant, TimeSpan at)
        {
            long second = (long)Math.Floor(at.TotalSeconds);
            _entries.RemoveAll(entry => entry.Answers == 0 && entry.Second < second - 1000);
            return _entries.Where(entry => entry.Tenant == tenant && entry.Second >= second - 60);
        }
    }
}
