using MoeLora.Tensors.Cpu;

namespace MoeLora.Tensors.Tests.Cpu;

public class WorkerPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Run_ManyTinyJobs_EveryIndexIsTakenOnce(int threads)
    {
        using var pool = new WorkerPool(threads);
        int[] taken = new int[37];
        var job = new CountJob { Taken = taken };
        const int jobs = 20_000;

        for (int i = 0; i < jobs; i++)
            pool.Run(ref job);

        Assert.All(taken, count => Assert.Equal(jobs, count));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Run_AfterWorkersWentToSleep_WakesThem(int threads)
    {
        using var pool = new WorkerPool(threads);
        for (int i = 0; i < 20; i++)
        {
            var job = new SeenJob { Seen = new int[threads] };
            pool.Run(ref job);
            Assert.All(job.Seen, seen => Assert.Equal(1, seen));
            // Longer than workers spin: a busy wait, so that the case does not depend on the scheduler's timer.
            long until = System.Diagnostics.Stopwatch.GetTimestamp() + System.Diagnostics.Stopwatch.Frequency / 1000;
            while (System.Diagnostics.Stopwatch.GetTimestamp() < until)
                Thread.Yield();
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Barrier_BetweenPhases_SeesAllOfThePhaseBefore(int threads)
    {
        using var pool = new WorkerPool(threads);
        var job = new PhaseJob { Cells = new int[threads], Wrong = new int[1] };

        for (int i = 0; i < 500; i++)
            pool.Run(ref job);

        Assert.Equal(0, job.Wrong[0]);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 0)]
    [InlineData(2, 1)]
    [InlineData(4, 3)]
    public void Run_WorkerThrows_CallerGetsItAndThePoolGoesOn(int threads, int worker)
    {
        using var pool = new WorkerPool(threads);
        for (int i = 0; i < 50; i++)
        {
            var failing = new FailJob { Worker = worker };
            var error = Assert.Throws<FormatException>(() => pool.Run(ref failing));
            Assert.Equal("on purpose", error.Message);
            var job = new SeenJob { Seen = new int[threads] };
            pool.Run(ref job);
            Assert.All(job.Seen, seen => Assert.Equal(1, seen));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Run_InsideAJob_Refused(int threads)
    {
        using var pool = new WorkerPool(threads);
        var job = new NestedJob();
        Assert.Throws<InvalidOperationException>(() => pool.Run(ref job));
    }

    [Fact]
    public void Run_FromASecondThread_Refused()
    {
        using var pool = new WorkerPool(2);
        using var entered = new ManualResetEventSlim();
        using var leave = new ManualResetEventSlim();
        var first = new Thread(() =>
        {
            var job = new WaitJob { Entered = entered, Leave = leave };
            pool.Run(ref job);
        });
        first.Start();
        entered.Wait();

        var second = new SeenJob { Seen = new int[2] };
        Assert.Throws<InvalidOperationException>(() => pool.Run(ref second));

        leave.Set();
        first.Join();
        pool.Run(ref second);
        Assert.All(second.Seen, seen => Assert.Equal(1, seen));
    }

    [Fact]
    public void Run_AfterDispose_Refused()
    {
        var pool = new WorkerPool(2);
        pool.Dispose();
        pool.Dispose();
        var job = new SeenJob { Seen = new int[2] };
        Assert.Throws<ObjectDisposedException>(() => pool.Run(ref job));
    }

    [Fact]
    public void Run_Worker_IsPinnedToOneAllowedCore()
    {
        int[] allowed = CoreAffinity.ReadAllowed();
        if (allowed.Length != CoreAffinity.Count)
            return; // not Linux, or a CPU quota: workers float by design
        using var pool = new WorkerPool(Math.Max(2, allowed.Length));
        var job = new CoresJob { Cores = new int[pool.Threads][] };
        pool.Run(ref job);
        Assert.Equal([allowed[1 % allowed.Length]], job.Cores[1]);
    }

    [Fact]
    public void PinCaller_FewerThreadsThanCores_Floats()
    {
        int[] allowed = CoreAffinity.ReadAllowed();
        if (allowed.Length < 2)
            return;
        using var pool = new WorkerPool(1);
        int[] after = [];
        var thread = new Thread(() =>
        {
            pool.PinCaller();
            after = CoreAffinity.ReadAllowed();
        });
        thread.Start();
        thread.Join();
        Assert.Equal(allowed, after);
    }

    private struct CountJob : IParallelJob
    {
        public int[] Taken;

        public readonly void Execute(WorkerPool pool, int worker)
        {
            for (int i; (i = pool.Take(2)) < Taken.Length;)
                Taken[i]++;
        }
    }

    private struct SeenJob : IParallelJob
    {
        public int[] Seen;

        public readonly void Execute(WorkerPool pool, int worker) => Seen[worker]++;
    }

    private struct PhaseJob : IParallelJob
    {
        public int[] Cells;
        public int[] Wrong;

        public readonly void Execute(WorkerPool pool, int worker)
        {
            for (int phase = 0; phase < 4; phase++)
            {
                Cells[worker] = phase;
                pool.Barrier();
                foreach (int cell in Cells)
                {
                    if (cell != phase)
                        Interlocked.Increment(ref Wrong[0]);
                }
                pool.Barrier();
            }
        }
    }

    private struct FailJob : IParallelJob
    {
        public int Worker;

        public readonly void Execute(WorkerPool pool, int worker)
        {
            if (worker == Worker)
                throw new FormatException("on purpose");
            pool.Barrier();
        }
    }

    private struct NestedJob : IParallelJob
    {
        public readonly void Execute(WorkerPool pool, int worker)
        {
            var inner = new SeenJob { Seen = new int[pool.Threads] };
            pool.Run(ref inner);
        }
    }

    private struct WaitJob : IParallelJob
    {
        public ManualResetEventSlim Entered;
        public ManualResetEventSlim Leave;

        public readonly void Execute(WorkerPool pool, int worker)
        {
            if (worker == 0)
            {
                Entered.Set();
                Leave.Wait();
            }
        }
    }

    private struct CoresJob : IParallelJob
    {
        public int[][] Cores;

        public readonly void Execute(WorkerPool pool, int worker) => Cores[worker] = CoreAffinity.ReadAllowed();
    }
}
