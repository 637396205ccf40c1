using MoeLora.Engine.Batching.Fairness;

namespace MoeLora.Engine.Tests.Batching;

public sealed class FairQueueTests
{
    private const int LongestPrompt = 200;
    private const int MostTokens = 600; // of all requests that run together

    [Fact]
    public void Next_OfOneTenant_IsTheEarliest()
    {
        var queue = new FairQueue(10, 10);
        Ticket[] tickets = [.. Enumerable.Range(0, 3).Select(_ => Add(queue, "a"))];

        Assert.Equal(tickets, Drain(queue));
        Assert.Equal(0, queue.Count);
    }

    [Fact]
    public void Next_OfSeveralTenants_IsOfTheOneServedLeast()
    {
        var queue = new FairQueue(10, 10);
        Ticket a = Add(queue, "a"), a2 = Add(queue, "a"), b = Add(queue, "b"), c = Add(queue, "c");
        queue.Charge(a.Tenant, 30);
        queue.Charge(b.Tenant, 10);
        queue.Charge(c.Tenant, 20);

        Assert.Equal([b, c, a, a2], Drain(queue));
    }

    [Fact]
    public void Next_OfATenantWithMoreWeight_CountsLess()
    {
        var queue = new FairQueue(10, 10);
        Ticket a = Add(queue, "a"), b = Add(queue, "b", weight: 4);
        queue.Charge(a.Tenant, 10);
        queue.Charge(b.Tenant, 30);

        Assert.Equal([b, a], Drain(queue));
    }

    [Fact]
    public void Next_WhenTheFirstMayNotRun_IsAnotherTenants()
    {
        var queue = new FairQueue(10, 10);
        Ticket a = Add(queue, "a"), b = Add(queue, "b");

        Assert.Same(a, queue.Next(_ => true));
        Assert.Same(b, queue.Next(ticket => ticket != a));
        Assert.Null(queue.Next(_ => false));
    }

    [Fact]
    public void Add_OfATenantThatWasAway_IsLiftedToTheLeast()
    {
        var queue = new FairQueue(10, 10);
        Ticket a = Add(queue, "a"), b = Add(queue, "b");
        queue.Charge(a.Tenant, 50);
        queue.Charge(b.Tenant, 70);

        Assert.Equal(50, Add(queue, "c").Tenant.Counter);
        Drain(queue);
        queue.Charge(b.Tenant, 1); // b left last, and is served on
        Assert.Equal(71, Add(queue, "d").Tenant.Counter);
    }

    [Fact]
    public void Add_OfATenantThatWasServedMore_KeepsItsCounter()
    {
        var queue = new FairQueue(10, 10);
        Ticket a = Add(queue, "a");
        queue.Charge(a.Tenant, 50);
        Drain(queue);
        Add(queue, "b");
        queue.Charge(a.Tenant, 50);

        Assert.Equal(100, Add(queue, "a").Tenant.Counter);
    }

    [Fact]
    public void PutBack_AfterOthersCame_TakesTheOldPlace()
    {
        var queue = new FairQueue(3, 3);
        Ticket first = Add(queue, "a"), second = Add(queue, "a");
        queue.TryTake(first);
        queue.TryTake(second);
        Ticket third = Add(queue, "a"), fourth = Add(queue, "a");
        Add(queue, "a");

        queue.PutBack(first); // never refused
        queue.PutBack(second);

        Assert.Equal([first, second, third, fourth], Drain(queue)[..4]);
    }

    [Fact]
    public void TryTake_Twice_IsFalse()
    {
        var queue = new FairQueue(3, 3);
        Ticket ticket = Add(queue, "a");

        Assert.True(queue.TryTake(ticket));
        Assert.False(queue.TryTake(ticket));
    }

    [Fact]
    public void Close_OfVeryManyTenants_ForgetsThoseThatALiftReplaces()
    {
        var queue = new FairQueue(10, 10);
        Ticket busy = Add(queue, "busy");
        queue.Charge(busy.Tenant, 100);
        Ticket heavy = Add(queue, "heavy");
        queue.Charge(heavy.Tenant, 500);
        queue.TryTake(heavy);
        queue.Close(heavy);
        TenantShare? light = null;
        for (int i = 0; i < 3000; i++)
        {
            Ticket ticket = Add(queue, $"tenant {i}");
            light ??= ticket.Tenant;
            queue.TryTake(ticket);
            queue.Close(ticket);
        }

        Assert.NotSame(light, Add(queue, "tenant 0").Tenant);
        Ticket again = Add(queue, "heavy");
        Assert.Same(heavy.Tenant, again.Tenant);
        Assert.Equal(600, again.Tenant.Counter); // lifted to 100 at first
    }

    /// <summary>The bound of the paper for clients that always wait, on an engine that is nothing but a limit of tokens.</summary>
    [Theory]
    [InlineData(1, 1.0)]
    [InlineData(2, 1.0)]
    [InlineData(3, 1.0)]
    [InlineData(4, 3.0)]
    public void Service_OfTenantsThatAlwaysWait_DiffersByABoundedCost(int seed, double largestWeight)
    {
        var random = new Random(seed);
        var queue = new FairQueue(100_000, 100_000);
        double[] weights = [.. Enumerable.Range(0, 6).Select(i => i % 2 == 0 ? 1 : largestWeight)];
        double[] served = new double[weights.Length];
        int[] waiting = new int[weights.Length];
        var running = new List<Ticket>();
        var spread = new Dictionary<(int, int), (double Least, double Most)>();
        double bound = 2 * Math.Max(FairQueue.PromptToken * LongestPrompt, FairQueue.GeneratedToken * MostTokens);
        double widest = 0;

        for (int step = 0; step < 10_000; step++)
        {
            // Tenants flood, or stay away for a while; the larger their number the larger their requests.
            for (int tenant = 0; tenant < weights.Length; tenant++)
            {
                bool away = tenant > 1 && (step / 500 + tenant) % 3 == 0;
                for (int i = random.Next(away ? 1 : 3); i > 0 && waiting[tenant] < 50; i--)
                {
                    Add(queue, tenant.ToString(), weights[tenant]).Request(tenant, 1 + random.Next(LongestPrompt * (tenant + 1) / weights.Length), 1 + random.Next(20 * (tenant + 1)));
                    waiting[tenant]++;
                }
            }

            while (queue.Next(_ => true) is Ticket next && running.Sum(ticket => ticket.Tokens) + next.Tokens <= MostTokens)
            {
                queue.TryTake(next);
                waiting[next.Owner]--;
                running.Add(next);
                Serve(next, FairQueue.PromptToken * next.Prompt);
            }

            foreach (Ticket ticket in running)
            {
                Serve(ticket, FairQueue.GeneratedToken);
                ticket.Left--;
            }

            foreach (Ticket ticket in running.Where(ticket => ticket.Left == 0))
                queue.Close(ticket);
            running.RemoveAll(ticket => ticket.Left == 0);
            Check();
        }

        Assert.True(widest > bound / 20, $"Only {widest} of {bound}: nobody competed.");

        void Serve(Ticket ticket, double cost)
        {
            queue.Charge(ticket.Tenant, cost);
            served[ticket.Owner] += cost / weights[ticket.Owner];
        }

        void Check()
        {
            for (int a = 0; a < weights.Length; a++)
            {
                for (int b = 0; b < a; b++)
                {
                    if (waiting[a] == 0 || waiting[b] == 0)
                    {
                        spread.Remove((a, b));
                        continue;
                    }

                    double difference = served[a] - served[b];
                    (double least, double most) = spread.GetValueOrDefault((a, b), (difference, difference));
                    (least, most) = (Math.Min(least, difference), Math.Max(most, difference));
                    spread[(a, b)] = (least, most);
                    Assert.True(most - least <= bound, $"Tenants {a} and {b}: from {least} to {most}.");
                    widest = Math.Max(widest, most - least);
                }
            }
        }

    }

    [Fact]
    public void Tenant_ThatComesBack_IsAheadByTheCreditAtMost()
    {
        var queue = new FairQueue(10, 10, credit: 5);
        Ticket flood = Add(queue, "flood");
        queue.Charge(flood.Tenant, 20);

        Ticket light = Add(queue, "light");

        Assert.Equal(15, light.Tenant.Counter);
        Assert.Same(light, queue.Next(_ => true));
        queue.Charge(light.Tenant, 6);
        Assert.Same(flood, queue.Next(_ => true));
    }

    [Fact]
    public void Tenant_ThatWasServedMore_GetsNoCredit()
    {
        var queue = new FairQueue(10, 10, credit: 5);
        Ticket other = Add(queue, "other"), flood = Add(queue, "flood");
        queue.Charge(flood.Tenant, 20);
        queue.TryTake(flood);

        Ticket again = Add(queue, "flood");

        Assert.Equal(20, again.Tenant.Counter);
        Assert.Same(other, queue.Next(_ => true));
    }

    private static Ticket Add(FairQueue queue, string tenant, double weight = 1)
    {
        var ticket = new Ticket();
        Assert.Null(queue.TryAdd(ticket, tenant, weight));
        return ticket;
    }

    private static QueueTicket[] Drain(FairQueue queue)
    {
        var order = new List<QueueTicket>();
        while (queue.Next(_ => true) is { } next)
        {
            Assert.True(queue.TryTake(next));
            order.Add(next);
        }

        return [.. order];
    }

    private sealed class Ticket : QueueTicket
    {
        public int Owner { get; private set; }

        public int Prompt { get; private set; }

        public int Left { get; set; }

        /// <summary>Those that it takes when it is complete.</summary>
        public int Tokens { get; private set; }

        public void Request(int owner, int prompt, int tokens) => (Owner, Prompt, Left, Tokens) = (owner, prompt, tokens, prompt + tokens);
    }
}
