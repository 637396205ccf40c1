using MoeLora.Engine.Batching.Fairness;
using MoeLora.Engine.Batching.Prefixes;
using MoeLora.Engine.Generation;
using MoeLora.Tensors;

namespace MoeLora.Engine.Batching;

/// <summary>
/// The requests that run: who comes in, who makes room, how they end. Holds what they hold, and gives it back whichever way they go. Used by the model's thread.
/// </summary>
internal sealed class RunningJobs
{
    private readonly PrefixSharing _prefixes;
    private readonly BlockSupply _supply;
    private readonly FairQueue _queue;
    private readonly EngineCounters _counters;
    private readonly JobSetup _setup;
    private readonly TimeProvider _time;
    private readonly Action _onEnded;
    private readonly List<EngineJob> _jobs = [];
    private readonly Func<QueueTicket, bool> _mayRun;
    private readonly int _most;
    private readonly int _reservedSequences;
    private readonly int _reservedBlocks;
    private int _sequences;

    /// <param name="prefixes">Keys and values of earlier prompts.</param>
    /// <param name="supply">Blocks.</param>
    /// <param name="queue">Who waits.</param>
    /// <param name="setup">Makes what a request needs.</param>
    /// <param name="options">Most sequences.</param>
    /// <param name="counters">For the statistics.</param>
    /// <param name="time">For the timings.</param>
    /// <param name="onEnded">Told after each end of a request.</param>
    public RunningJobs(
        PrefixSharing prefixes, BlockSupply supply, FairQueue queue, JobSetup setup, EngineOptions options, EngineCounters counters, TimeProvider time, Action onEnded)
    {
        (_prefixes, _supply, _queue, _setup, _counters, _time, _onEnded) = (prefixes, supply, queue, setup, counters, time, onEnded);
        _most = options.MaxSequences;
        _reservedSequences = options.MaxSequences / EngineOptions.ReservedPart;
        _reservedBlocks = options.Blocks / EngineOptions.ReservedPart;
        _mayRun = MayRun;
    }

    /// <summary>In the order in which they came in. A list, which is walked in every step without allocating; not to be changed.</summary>
    public List<EngineJob> All => _jobs;

    /// <summary>The waiting request whose turn it is, if there is a place for its sequences. Whether its blocks can be had is seen by <see cref="TryBegin"/>.</summary>
    public EngineJob? Next() => (EngineJob?)_queue.Next(_mayRun);

    /// <summary>Lets a waiting request run, if its blocks can be had. Nobody makes room for it but the prefix cache.</summary>
    /// <returns>False when it goes on waiting. One that fails at its beginning, or was cancelled meanwhile, counts as begun.</returns>
    public bool TryBegin(EngineJob job)
    {
        try
        {
            if (job.Answers is null && !TryPrepare(job))
                return true;
            int prompt = job.Request.Prompt.Length;
            int cached = _prefixes.Find(job);
            if (!HasBlocks(job, cached))
            {
                _prefixes.Release(job);
                return false;
            }

            if (!_queue.TryTake(job))
            {
                _prefixes.Release(job); // cancelled: the engine ends it
                return true;
            }

            Enter(job);
            KvCache cache = _prefixes.CreateCache(job);
            try
            {
                job.Prompt = job.Request.Task.Model.StartSequence(job.Request.Prompt, cache, cached);
            }
            catch
            {
                cache.Dispose();
                throw;
            }

            if (!_supply.TryReserve(cache, cached, prompt))
                throw new InvalidOperationException("Blocks that were counted cannot be had.");
            Start(job, cached);
        }
        catch (Exception exception)
        {
            Fail(job, exception);
        }

        return true;
    }

    /// <summary>Makes positions of a running sequence ready to be written; others make room if need be, or its own request does.</summary>
    /// <returns>False when its own request made room.</returns>
    public bool TryReserve(EngineJob job, KvCache cache, int from, int to)
    {
        while (!_supply.TryReserve(cache, from, to))
        {
            EngineJob victim = Victim();
            Preempt(victim);
            if (victim == job)
                return false;
        }

        return true;
    }

    /// <summary>Ends one answer, and the request with its last.</summary>
    public void EndAnswer(EngineJob job, EngineAnswer answer, GenerationEnd end)
    {
        if (answer.Text.Finish() is { Length: > 0 } rest)
            job.Output.OnRest(answer.Index, rest);
        if (answer.Text.Stopped)
            end = GenerationEnd.StopString; // the end of an unfinished character may have completed one
        answer.End = end;
        job.Output.OnAnswerEnded(answer.Index, end);
        answer.Sequence?.Dispose();
        answer.Sequence = null;
        job.Live--;
        Count(job, -1);
        if (job.Live == 0)
            Close(job, null);
    }

    /// <summary>Ends all answers of a request that runs, or that has left the queue.</summary>
    public void End(EngineJob job, GenerationEnd end)
    {
        if (job.Phase == JobPhase.Ended)
            return; // it failed at its beginning while it was cancelled
        try
        {
            if (job.Answers is null)
            {
                EndUnbegun(job, end);
                return;
            }

            foreach (EngineAnswer answer in job.Answers)
            {
                if (answer.End is null)
                    EndAnswer(job, answer, end);
            }
        }
        catch (Exception exception)
        {
            Fail(job, exception);
        }
    }

    /// <summary>Ends a request with an exception, which may be its output's.</summary>
    public void Fail(EngineJob job, Exception exception)
    {
        if (job.Phase == JobPhase.Ended)
            return;
        _queue.TryTake(job);
        foreach (EngineAnswer answer in job.Answers ?? [])
            answer.End ??= GenerationEnd.Failed;
        Count(job, -job.Live);
        job.Live = 0;
        Close(job, exception);
    }

    /// <returns>False when nothing of it is left to generate, or it was cancelled.</returns>
    private bool TryPrepare(EngineJob job)
    {
        GenerationEnd?[] ends = _setup.Prepare(job);
        if (!Array.Exists(ends, end => end is null) && !_queue.TryTake(job))
            return false; // cancelled: the engine ends it
        for (int i = 0; i < ends.Length; i++)
        {
            if (ends[i] is { } end)
                EndAnswer(job, job.Answers![i], end);
        }

        return job.Phase != JobPhase.Ended;
    }

    private void EndUnbegun(EngineJob job, GenerationEnd end)
    {
        for (int answer = 0; answer < job.Request.Answers; answer++)
            job.Output.OnAnswerEnded(answer, end);
        job.Live = 0;
        Close(job, null, end);
    }

    /// <summary>The request that makes room first: the last come of the tenant that was served most.</summary>
    private EngineJob Victim()
    {
        EngineJob victim = _jobs[0];
        foreach (EngineJob job in _jobs)
        {
            if ((job.Tenant.Counter, job.Arrival).CompareTo((victim.Tenant.Counter, victim.Arrival)) > 0)
                victim = job;
        }

        return victim;
    }

    private void Preempt(EngineJob job)
    {
        Leave(job);
        job.Phase = JobPhase.Waiting;
        job.Preemptions++;
        _counters.Preemptions++;
        _queue.PutBack(job);
    }

    /// <summary>Whether there is a place for its sequences: some are for tenants that run few. Where nothing runs there is one for any.</summary>
    private bool MayRun(QueueTicket ticket)
    {
        var job = (EngineJob)ticket;
        return _jobs.Count == 0 || _sequences + job.Live <= _most - (RunsLittle(job) ? 0 : _reservedSequences);
    }

    private bool RunsLittle(EngineJob job) => job.Tenant.Running < Math.Max(1, _reservedSequences);

    /// <summary>Whether its prompt and a token of each answer after those that it has find blocks, without those that others will soon need.</summary>
    private bool HasBlocks(EngineJob job, int cached)
    {
        if (_jobs.Count == 0)
            return true; // it fits by itself, or it would not have been taken
        int tokens = 0;
        foreach (EngineAnswer answer in job.Answers!)
            tokens = Math.Max(tokens, answer.Count);
        long needed = _supply.Blocks(job.Request.Prompt.Length, job.Live, Math.Min(tokens + 1, job.Request.Settings.MaxTokens - 1)) - _supply.Blocks(cached);
        return needed + (RunsLittle(job) ? 0 : _reservedBlocks) <= _supply.Available;
    }

    private void Enter(EngineJob job)
    {
        job.Phase = JobPhase.Prefilling;
        job.IsPlanned = false;
        _jobs.Add(job);
        Count(job, job.Live);
    }

    private void Leave(EngineJob job)
    {
        Count(job, -job.Live);
        _jobs.Remove(job);
        Free(job);
    }

    private void Start(EngineJob job, int cached)
    {
        job.SeenPrompt = Math.Max(job.SeenPrompt, cached);
        if (job.Started is not null)
            return;
        job.Started = _time.GetTimestamp();
        job.CachedTokens = cached;
        _counters.CachedTokens += cached;
        job.Output.OnStarted(_time.GetElapsedTime(job.Submitted, job.Started.Value));
    }

    /// <summary>Counts sequences of a request that begin or end, while it runs.</summary>
    private void Count(EngineJob job, int sequences)
    {
        if (job.Phase is JobPhase.Waiting or JobPhase.Ended)
            return;
        _sequences += sequences;
        job.Tenant.Running += sequences;
        Volatile.Write(ref _counters.Running, _sequences);
    }

    private void Free(EngineJob job)
    {
        job.Prompt?.Dispose();
        job.Prompt = null;
        foreach (EngineAnswer answer in job.Answers ?? [])
        {
            answer.Sequence?.Dispose();
            answer.Sequence = null;
        }

        _prefixes.Release(job);
    }

    private void Close(EngineJob job, Exception? failure, GenerationEnd unbegun = GenerationEnd.Failed)
    {
        job.Phase = JobPhase.Ended;
        _jobs.Remove(job);
        Free(job);
        job.Withdrawal.Unregister();
        _queue.Close(job);
        try
        {
            job.Output.OnEnded(Result(job, failure, unbegun));
        }
        catch (Exception)
        {
            // It has ended already; there is nobody else to tell.
        }

        _onEnded();
    }

    private EngineResult Result(EngineJob job, Exception? failure, GenerationEnd unbegun)
    {
        long ended = _time.GetTimestamp();
        long started = job.Started ?? ended;
        long first = job.FirstToken ?? ended;
        return new EngineResult
        {
            Ends = job.Answers is { } answers ? Array.ConvertAll(answers, answer => answer.End!.Value) : [.. Enumerable.Repeat(unbegun, job.Request.Answers)],
            Failure = failure,
            PromptTokens = job.Request.Prompt.Length,
            CachedTokens = job.CachedTokens,
            CompletionTokens = job.Generated,
            Queued = _time.GetElapsedTime(job.Submitted, started),
            Prefill = _time.GetElapsedTime(started, first),
            Decode = _time.GetElapsedTime(first, ended),
            Preemptions = job.Preemptions,
        };
    }
}
