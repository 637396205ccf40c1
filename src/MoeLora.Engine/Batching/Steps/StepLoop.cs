using System.Diagnostics;
using MoeLora.Engine.Batching.Fairness;
using MoeLora.Engine.Batching.Prefixes;
using MoeLora.Engine.Generation;
using MoeLora.Models;
using MoeLora.Tensors;

namespace MoeLora.Engine.Batching.Steps;

/// <summary>
/// One step of the engine: room for the next token of every answer, whose turn it is, prompts under a budget, then every answer's next token. Used by the model's thread.
/// </summary>
/// <remarks>
/// Answers do not depend on who runs beside them: tokens of prompts are always summed in the order <see cref="LinearOrder.Many"/> and tokens of answers, also when
/// they are computed again, in the order <see cref="LinearOrder.Few"/>. So the two never share a pass.
/// </remarks>
internal sealed class StepLoop(
    RunningJobs jobs, FairQueue queue, PrefixSharing prefixes, TokenWriter writer, DeviceHealth health, EngineOptions options, EngineCounters counters, TimeProvider time)
{
    // Most tokens of an answer that made room for others that one step computes again.
    private const int MostRecomputed = 32;

    // Most tokens of prompts that run before it is seen again whose turn it is: a request that comes while others' prompts are computed waits for so many, not for
    // all of a step's. A multiple of the CPU kernels' rows: 64 run at 0.87 of the speed of 256 (0.5B shape, 8-bit), 48 only at 0.67, 128 at 0.95.
    private const int PassTokens = 64;

    private readonly PromptPace _pace = new(options.StepTokens, options.PromptTime);
    private readonly StepGroups _prompts = new();
    private readonly StepGroups _answers = new();
    private readonly StepBatch _batch = new();
    private readonly List<EngineJob> _visited = [];
    private readonly List<StepFeed> _pass = [];

    /// <summary>Runs a step; nothing happens when nothing runs and nothing can begin.</summary>
    public void Run()
    {
        long start = Stopwatch.GetTimestamp(); // a figure for people, on which nothing depends: not the clock that answers are timed by
        try
        {
            DropCancelled();
            ReserveAnswers();
            PlanAnswers();
            int tokens = RunPrompts(_pace.Tokens(_answers.Count > 0));
            for (int i = 0; i < _answers.Count; i++)
                RunGroup(_answers[i], LinearOrder.Few);
            if (tokens == 0 && _answers.Count == 0)
                return;
            counters.Steps++;
            options.OnStep?.Invoke(Stopwatch.GetElapsedTime(start));
        }
        finally
        {
            _prompts.Clear();
            _answers.Clear();
            _batch.Clear();
            _pass.Clear();
        }
    }

    private void DropCancelled()
    {
        for (int i = jobs.All.Count - 1; i >= 0; i--)
        {
            EngineJob job = jobs.All[i];
            if (job.Cancellation.IsCancellationRequested)
                jobs.End(job, GenerationEnd.Cancelled);
        }
    }

    /// <summary>Blocks for what every answer feeds in this step. Who came first is served first; who comes last makes room.</summary>
    private void ReserveAnswers()
    {
        _visited.Clear();
        _visited.AddRange(jobs.All);
        foreach (EngineJob job in _visited)
        {
            if (job.Phase != JobPhase.Decoding)
                continue;
            foreach (EngineAnswer answer in job.Answers!)
            {
                if (answer.Sequence is { } sequence && !jobs.TryReserve(job, sequence.Cache, sequence.Length, sequence.Length + Rows(answer)))
                    break;
            }
        }

        _visited.Clear();
    }

    private void PlanAnswers()
    {
        foreach (EngineJob job in jobs.All)
        {
            if (job.Phase != JobPhase.Decoding)
                continue;
            foreach (EngineAnswer answer in job.Answers!)
            {
                if (answer.Sequence is not null)
                    _answers.Add(StepFeed.OfAnswer(job, answer, Rows(answer)));
            }
        }
    }

    private int Rows(EngineAnswer answer) => Math.Min(answer.Pending.Length, MostRecomputed);

    /// <summary>Runs prompts under a budget, a part of it in each pass.</summary>
    /// <returns>Tokens run.</returns>
    private int RunPrompts(int budget)
    {
        int tokens = 0;
        while (tokens < budget && PlanPrompts(Math.Min(PassTokens, budget - tokens)) is > 0 and int planned)
        {
            long start = time.GetTimestamp();
            for (int i = 0; i < _prompts.Count; i++)
                RunGroup(_prompts[i], LinearOrder.Many);
            _pace.Observe(planned, time.GetElapsedTime(start));
            _prompts.Clear();
            tokens += planned;
        }

        return tokens;
    }

    /// <summary>
    /// Shares a part of the budget out, always to the tenant that was served least, be its request in or still waiting. What is planned counts as served at once: prompts of
    /// several tenants are computed side by side, however long one of them is.
    /// </summary>
    /// <returns>Tokens planned.</returns>
    private int PlanPrompts(int budget)
    {
        foreach (EngineJob job in jobs.All)
            job.IsPlanned = false;
        int planned = 0;
        bool full = false;
        while (planned < budget)
        {
            EngineJob? prompt = FirstPrompt();
            EngineJob? next = full ? null : jobs.Next();
            if (next is not null && (prompt is null || next.Tenant.Counter < prompt.Tenant.Counter))
            {
                full = !jobs.TryBegin(next);
                continue;
            }

            if (prompt is null)
                break;
            prompt.IsPlanned = true;
            int left = prompt.Request.Prompt.Length - prompt.Prompt!.Length;
            bool whole = prompt.Prompt.VisiblePrefix > 0; // its tokens see each other: all at once, whatever the budget
            if (whole && planned > 0 && left > budget - planned)
                continue;
            int count = whole ? left : Math.Min(left, budget - planned);
            _prompts.Add(StepFeed.OfPrompt(prompt, count));
            queue.Charge(prompt.Tenant, FairQueue.PromptToken * Fresh(prompt, prompt.Prompt.Length + count));
            planned += count;
        }

        return planned;
    }

    private EngineJob? FirstPrompt()
    {
        EngineJob? first = null;
        foreach (EngineJob job in jobs.All)
        {
            if (job is { Phase: JobPhase.Prefilling, IsPlanned: false } && (first is null || (job.Tenant.Counter, job.Arrival).CompareTo((first.Tenant.Counter, first.Arrival)) < 0))
                first = job;
        }

        return first;
    }

    /// <summary>Computes the parts of a group in one pass, and takes the tokens.</summary>
    private void RunGroup(StepGroup group, LinearOrder order)
    {
        _batch.Order = order;
        foreach (StepFeed feed in group.Feeds)
        {
            if (TryAdd(feed))
                _pass.Add(feed);
        }

        if (_pass.Count > 0 && TryForward(group.Model!))
        {
            int row = 0;
            writer.Take(_batch.LogitsRows);
            foreach (StepFeed feed in _pass)
                Take(feed, feed.WantsToken ? row++ : null);
        }

        _batch.Clear(); // keeps no sequence alive
        _pass.Clear();
    }

    /// <summary>False when its request has ended in this step, as it does with what the model has against it.</summary>
    private bool TryAdd(StepFeed feed)
    {
        if (feed.Sequence is not { } sequence)
            return false;
        try
        {
            _batch.Add(sequence, feed.Tokens, feed.WantsToken ? LogitsWanted.Last : LogitsWanted.None, feed.Job.Request.Task.Gate, feed.Job.Request.Task.Deltas);
            return true;
        }
        catch (ArgumentException exception)
        {
            jobs.Fail(feed.Job, exception);
            return false;
        }
    }

    private bool TryForward(CausalModel model)
    {
        try
        {
            model.Forward(_batch, writer.Logits);
            return true;
        }
        catch (Exception exception)
        {
            // What they hold may be half written; nobody else holds it.
            Exception judged = health.Judge(exception);
            foreach (StepFeed feed in _pass)
                jobs.Fail(feed.Job, judged);
            return false;
        }
    }

    /// <summary>Takes what a pass has made of a part of it.</summary>
    private void Take(StepFeed feed, int? row)
    {
        if (feed.Answer is null)
            TakePrompt(feed.Job, feed.Count, row);
        else if (row is { } logits && feed.Answer.End is null)
            writer.Write(feed.Job, feed.Answer, logits);
        else if (row is null)
            counters.RecomputedTokens += feed.Count;
    }

    private void TakePrompt(EngineJob job, int count, int? row)
    {
        ModelSequence prompt = job.Prompt!;
        int fresh = Fresh(job, prompt.Length);
        job.SeenPrompt += fresh;
        counters.PromptTokens += fresh;
        counters.RecomputedTokens += count - fresh;
        prefixes.Keep(job);
        if (prompt.Length < job.Request.Prompt.Length)
            return;

        job.Phase = JobPhase.Decoding;
        foreach (EngineAnswer answer in job.Answers!)
        {
            if (row is { } logits && answer is { Count: 0, End: null } && job.Phase != JobPhase.Ended)
                writer.Write(job, answer, logits);
        }

        Divide(job);
    }

    /// <summary>How many of these first tokens of a prompt are computed for the first time.</summary>
    private static int Fresh(EngineJob job, int tokens) => Math.Max(0, tokens - job.SeenPrompt);

    /// <summary>Gives the prompt's sequence to the first answer that goes on, and copies that share its blocks to the others.</summary>
    private static void Divide(EngineJob job)
    {
        if (job.Prompt is not { } prompt)
            return; // all have ended
        job.Prompt = null;
        EngineAnswer? first = null;
        foreach (EngineAnswer answer in job.Answers!)
        {
            if (answer.End is not null)
                continue;
            answer.Sequence = first is null ? prompt : prompt.Fork();
            first ??= answer;
        }
    }
}
