using System.Runtime.InteropServices;
using MoeLora.Engine.Batching;
using MoeLora.Engine.Generation;
using MoeLora.Models;

namespace MoeLora.Engine.Tests.Batching;

/// <summary>
/// One run of an engine that the test drives, against a clock of what the engine does: rows computed, or processor time of its thread. Nothing waits: where the
/// engine has nothing to do the clock jumps to the next request. Requests come at random times, the same for the same seed.
/// </summary>
internal sealed class FloodTrial(CausalModel model, int prompt, int tokens, bool byTime, int seed)
{
    private const double Load = 0.05; // of what the engine can do is what the light tenant asks for
    private const double Times = 20; // as often asks the other

    private readonly Random _random = new(seed);
    private readonly Random _others = new(seed + 1000);
    private readonly List<FirstToken> _open = [];
    private BatchEngine _engine = null!;
    private double _skipped;
    private double _gap;
    private double _light = double.PositiveInfinity; // when the next request of each is due
    private double _other = double.PositiveInfinity;
    private int _submitted;
    private bool _isSubmitting;

    /// <summary>Requests of the flood that found the queue full.</summary>
    public int Refused { get; private set; }

    /// <summary>What one request costs by itself: the least of many, since the first are slow.</summary>
    public double CostOfOne()
    {
        double least = double.PositiveInfinity;
        using (_engine = Engine())
        {
            for (int i = 0; i < 40; i++)
            {
                double before = Now();
                Submit("light", before);
                while (!IsIdle)
                    _engine.RunOnce();
                least = Math.Min(least, Now() - before);
            }
        }

        return least;
    }

    /// <returns>What the clock showed at the first token of each of the light tenant's requests, after it came.</returns>
    public List<double> Run(int requests, double cost, bool flood)
    {
        var waits = new List<double>();
        using (_engine = Engine())
        {
            _gap = cost / Load;
            _light = Now() + Gap(_random, _gap);
            if (flood)
                _other = Now() + Gap(_others, _gap / Times);
            while (waits.Count < requests)
            {
                Arrive();
                if (IsIdle)
                    _skipped += Math.Max(0, Math.Min(_light, _other) - Now());
                else
                    _engine.RunOnce();
                waits.AddRange(_open.Where(each => each.At is not null).Select(each => each.At!.Value - each.Due));
                _open.RemoveAll(each => each.At is not null);
            }

            _light = _other = double.PositiveInfinity;
        }

        return waits;
    }

    /// <summary>Submits what is due. The engine looks at its clock wherever time has passed, within a step too: that is when other threads' requests come.</summary>
    private void Arrive()
    {
        if (_isSubmitting)
            return;
        _isSubmitting = true;
        double now = Now();
        for (; _light <= now; _light += Gap(_random, _gap))
            _open.Add(Submit("light", _light)!);
        for (; _other <= now; _other += Gap(_others, _gap / Times))
            Refused += Submit("flood", _other) is null ? 1 : 0;
        _isSubmitting = false;
    }

    private bool IsIdle => _engine.Statistics is { Running: 0, Waiting: 0 };

    private BatchEngine Engine() => new(model, null, new EngineOptions { Blocks = 2048, PromptTime = null }, new Clock(this), hasThread: false);

    private FirstToken? Submit(string tenant, double due)
    {
        var output = new FirstToken(due, Now);
        var ids = new Random(_submitted++);
        var request = new EngineRequest
        {
            Task = TaskModel.Own(model),
            Prompt = [.. Enumerable.Range(0, prompt).Select(_ => ids.Next(1, 300))],
            Settings = new GenerationSettings { MaxTokens = tokens },
            Tenant = tenant,
        };
        bool accepted = _engine.TrySubmit(request, output).IsAccepted;
        Assert.True(accepted || tenant == "flood");
        return accepted ? output : null;
    }

    private double Now()
    {
        EngineStatistics done = _engine.Statistics;
        return _skipped + (byTime ? ProcessorTime() : done.PromptTokens + done.GeneratedTokens + done.RecomputedTokens);
    }

    private static double Gap(Random random, double mean) => -mean * Math.Log(1 - random.NextDouble());

    private static unsafe double ProcessorTime()
    {
        const int ThreadClock = 3; // CLOCK_THREAD_CPUTIME_ID of Linux: what other programs do meanwhile does not count
        long* time = stackalloc long[2]; // seconds, nanoseconds
        Assert.Equal(0, ClockGetTime(ThreadClock, time));
        return time[0] + time[1] * 1e-9;
    }

    [DllImport("libc", EntryPoint = "clock_gettime")]
    private static extern unsafe int ClockGetTime(int clock, long* time);

    private sealed class Clock(FloodTrial trial) : TimeProvider
    {
        public override long GetTimestamp()
        {
            trial.Arrive();
            return base.GetTimestamp();
        }
    }

    /// <summary>When a request was due, and what the clock showed at its first token.</summary>
    private sealed class FirstToken(double due, Func<double> now) : IEngineOutput
    {
        public double Due => due;

        public double? At { get; private set; }

        public void OnStarted(TimeSpan queued)
        {
        }

        public void OnToken(int answer, in GeneratedToken token) => At ??= now();

        public void OnRest(int answer, string text)
        {
        }

        public void OnAnswerEnded(int answer, GenerationEnd end)
        {
        }

        public void OnEnded(EngineResult result) => Assert.Null(result.Failure);
    }
}
