using MoeLora.Engine.Batching.Fairness;
using MoeLora.Engine.Batching.Prefixes;
using MoeLora.Engine.Batching.Steps;
using MoeLora.Engine.Generation;
using MoeLora.Models;
using MoeLora.Models.Tokenizers;
using MoeLora.Tensors;

namespace MoeLora.Engine.Batching;

/// <summary>
/// Answers the requests of many tenants on one base model and its tasks, many at once: each step computes the next token of every running answer and a part of the
/// prompts that wait. Owns the thread that drives the model, the memory for keys and values, and the logits.
/// </summary>
/// <remarks>An answer is a function of its request alone: not of what runs beside it, of when it came, or of whether it had to make room meanwhile.</remarks>
public sealed class BatchEngine : IDisposable
{
    // What a tenant keeps that asks now and then: the prompts of so many steps, which is more than most requests cost.
    private const double CreditSteps = 2;

    private readonly CausalModel _model;
    private readonly ITokenizer? _tokenizer;
    private readonly EngineOptions _options;
    private readonly TimeProvider _time;
    private readonly KvPool _pool;
    private readonly PrefixCache _prefixes;
    private readonly BlockSupply _supply;
    private readonly FairQueue _queue;
    private readonly EngineCounters _counters = new();
    private readonly RunningJobs _jobs;
    private readonly TokenWriter _writer;
    private readonly StepLoop _steps;
    private readonly DeviceHealth _health;
    private readonly Thread? _thread;
    private readonly List<EngineJob> _leaving = [];

    // Guarded by _mail: what other threads have for the model's.
    private readonly object _mail = new();
    private readonly Queue<EngineWork> _work = [];
    private readonly List<EngineJob> _withdrawn = [];
    private TaskCompletionSource? _drained;
    private int _open;
    private bool _stopping;
    private bool _forced;
    private bool _disposed;

    /// <summary>Makes an engine and starts its thread.</summary>
    /// <param name="baseModel">It must outlive the engine, and is driven by its thread only.</param>
    /// <param name="tokenizer">The model's; null generates token ids only.</param>
    /// <param name="options">How much it does at once.</param>
    /// <param name="time">For the timings.</param>
    public BatchEngine(CausalModel baseModel, ITokenizer? tokenizer, EngineOptions options, TimeProvider? time = null)
        : this(baseModel, tokenizer, options, time, hasThread: true)
    {
    }

    /// <summary>An engine that a test drives with <see cref="RunOnce"/> has no thread.</summary>
    internal BatchEngine(CausalModel baseModel, ITokenizer? tokenizer, EngineOptions options, TimeProvider? time, bool hasThread)
    {
        (_model, _tokenizer, _options) = (baseModel, tokenizer, options);
        _time = time ?? TimeProvider.System;
        _pool = baseModel.CreateKvPool(options.BlockPositions, options.Blocks);
        _prefixes = new PrefixCache(_pool);
        _supply = new BlockSupply(_pool, _prefixes);
        _queue = new FairQueue(options.QueueLength, options.TenantQueueLength ?? (options.QueueLength + 1) / 2, CreditSteps * options.StepTokens);
        var sharing = new PrefixSharing(_pool, _prefixes);
        _jobs = new RunningJobs(sharing, _supply, _queue, new JobSetup(_pool, baseModel.Config, tokenizer), options, _counters, _time, Ended);
        _health = new DeviceHealth(baseModel.Device);
        _writer = new TokenWriter(baseModel, options.MaxSequences, _jobs, _queue, _health, _counters, _time);
        _steps = new StepLoop(_jobs, _queue, sharing, _writer, _health, options, _counters, _time);
        if (!hasThread)
            return;
        _thread = new Thread(Work) { IsBackground = true, Name = "engine" };
        _thread.Start();
    }

    /// <summary>What it does now, and has done. Safe from any thread; its numbers may be a step apart.</summary>
    public EngineStatistics Statistics
    {
        get
        {
            int cached = _prefixes.Evictable;
            return new EngineStatistics
            {
                Running = Volatile.Read(ref _counters.Running),
                Waiting = _queue.Count,
                Blocks = _pool.Blocks,
                UsedBlocks = Math.Max(0, _pool.Blocks - _pool.FreeBlocks - cached),
                CachedBlocks = cached,
                Steps = Volatile.Read(ref _counters.Steps),
                PromptTokens = Volatile.Read(ref _counters.PromptTokens),
                CachedTokens = Volatile.Read(ref _counters.CachedTokens),
                GeneratedTokens = Volatile.Read(ref _counters.GeneratedTokens),
                Preemptions = Volatile.Read(ref _counters.Preemptions),
                RecomputedTokens = Volatile.Read(ref _counters.RecomputedTokens),
            };
        }
    }

    /// <summary>
    /// Why the device computes nothing any more; null while it does. Then all requests have ended with a <see cref="DeviceLostException"/>, new ones are not taken, and work fails that
    /// needs the device. Safe from any thread.
    /// </summary>
    public string? Fault => _health.Fault;

    /// <summary>How many blocks this much memory holds, at least 1.</summary>
    /// <param name="baseModel">Whose keys and values.</param>
    /// <param name="bytes">Memory for them.</param>
    /// <param name="blockPositions">Positions in a block.</param>
    public static int BlocksIn(CausalModel baseModel, long bytes, int blockPositions = KvPool.DefaultBlockPositions) =>
        (int)Math.Clamp(bytes / (baseModel.KvBytesPerPosition * blockPositions), 1, int.MaxValue);

    /// <summary>Submits a request. Safe from any thread; never waits.</summary>
    /// <param name="request">What to answer.</param>
    /// <param name="output">Where the answers go.</param>
    /// <param name="cancellation">Takes it out of the queue at once, or ends it before the next step; either way the output is told.</param>
    /// <exception cref="ArgumentException">
    /// The prompt cannot be used, or the settings do not fit the model or its tokenizer: a caller finds that before.
    /// </exception>
    public SubmitResult TrySubmit(EngineRequest request, IEngineOutput output, CancellationToken cancellation = default)
    {
        if (_model.FindPromptProblem(request.Prompt) is { } problem)
            throw new ArgumentException(problem, nameof(request));
        request.Settings.Check(_model.Config, _tokenizer);
        if (FindBegunProblem(request) is { } begun)
            throw new ArgumentException(begun, nameof(request));
        if (FindSizeProblem(request) is { } tooLarge)
            return new SubmitResult(SubmitStatus.NeverFits, tooLarge);

        if (Fault is { } fault)
            return new SubmitResult(SubmitStatus.DeviceLost, fault);
        lock (_mail)
        {
            if (_stopping)
                return new SubmitResult(SubmitStatus.Stopping, "The engine takes no more requests.");
            _open++;
        }

        var job = new EngineJob(request, output, _time.GetTimestamp(), cancellation);
        job.Withdrawal = cancellation.UnsafeRegister(state => Withdraw((EngineJob)state!), job);
        if (_queue.TryAdd(job, request.Tenant, request.Weight) is { } full)
        {
            job.Withdrawal.Unregister();
            Ended();
            return new SubmitResult(SubmitStatus.QueueFull, full);
        }

        if (cancellation.IsCancellationRequested)
            Withdraw(job); // it may have come before there was anything to take out
        lock (_mail)
            Monitor.Pulse(_mail);
        return new SubmitResult(SubmitStatus.Accepted);
    }

    /// <summary>Runs work on the model's thread between two steps: what loads, merges, proves or frees weights. Running answers wait for it.</summary>
    /// <param name="work">What to do.</param>
    /// <returns>Completes after the work, or fails with its exception; is cancelled when the engine is disposed of before.</returns>
    public Task RunAsync(Action work)
    {
        var item = new EngineWork(work);
        lock (_mail)
        {
            if (_disposed)
                return Task.FromException(new ObjectDisposedException(nameof(BatchEngine)));
            _work.Enqueue(item);
            Monitor.Pulse(_mail);
        }

        return item.Completion;
    }

    /// <summary>Takes no more requests, and completes when those that it has taken have ended. <see cref="RunAsync"/> goes on.</summary>
    /// <param name="force">Ends them early, with <see cref="GenerationEnd.Stopped"/>.</param>
    public async Task StopAsync(CancellationToken force = default)
    {
        Task drained;
        lock (_mail)
        {
            _stopping = true;
            _drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_open == 0)
                _drained.TrySetResult();
            drained = _drained.Task;
        }

        await using CancellationTokenRegistration registration = force.UnsafeRegister(engine => ((BatchEngine)engine!).Force(), this);
        await drained.ConfigureAwait(false);
    }

    /// <summary>Ends all requests, with <see cref="GenerationEnd.Stopped"/>, and frees the engine's memory. Not to be called on its thread.</summary>
    public void Dispose()
    {
        lock (_mail)
        {
            if (_disposed)
                return;
            _stopping = true;
            _forced = true;
            _disposed = true;
            Monitor.Pulse(_mail);
        }

        if (_thread is not null)
            _thread.Join();
        else
            RunOnce();
        foreach (EngineWork work in _work)
            work.Cancel();
        _prefixes.Dispose();
        _writer.Dispose();
        _pool.Dispose();
    }

    private string? FindBegunProblem(EngineRequest request)
    {
        if (request.Begun.Count == 0)
            return null;
        if (request.Begun.Count != request.Answers)
            return $"{request.Begun.Count} begun answers do not pair off with {request.Answers} answers.";
        int vocabulary = _model.Config.VocabularySize;
        return request.Begun.Any(tokens => tokens.Length > request.Settings.MaxTokens || tokens.Any(token => token < 0 || token >= vocabulary))
            ? $"A begun answer has more than {request.Settings.MaxTokens} tokens, or one outside the vocabulary of {vocabulary}."
            : null;
    }

    private string? FindSizeProblem(EngineRequest request)
    {
        int prompt = request.Prompt.Length;
        int tokens = request.Settings.MaxTokens - 1; // the last token is never fed, so it needs no position
        if (tokens > _model.Config.MaxPositions - prompt)
            return $"A prompt of {prompt} tokens and {request.Settings.MaxTokens} more exceed the {_model.Config.MaxPositions} positions of the model.";
        if (request.Answers > _options.MaxSequences)
            return $"{request.Answers} answers are more than the {_options.MaxSequences} sequences that run at once.";
        long blocks = _supply.Blocks(prompt, request.Answers, tokens);
        return blocks > _pool.Blocks
            ? $"{request.Answers} answers to a prompt of {prompt} tokens with {request.Settings.MaxTokens} more need {blocks} blocks of {_pool.BlockPositions} positions; there are {_pool.Blocks}."
            : null;
    }

    /// <summary>A request was cancelled: when it waits, it leaves at once, and the model's thread tells its output. When it runs, the next step sees it.</summary>
    private void Withdraw(EngineJob job)
    {
        if (!_queue.TryTake(job))
            return;
        lock (_mail)
        {
            _withdrawn.Add(job);
            Monitor.Pulse(_mail);
        }
    }

    private void Force()
    {
        lock (_mail)
        {
            _forced = true;
            Monitor.Pulse(_mail);
        }
    }

    private void Ended()
    {
        lock (_mail)
        {
            if (--_open > 0)
                return;
            _drained?.TrySetResult();
            Monitor.Pulse(_mail);
        }
    }

    private void Work()
    {
        _options.OnStart?.Invoke();
        while (Receive(out EngineWork? work, out bool forced))
            Run(work, forced);
    }

    /// <summary>Runs what the thread would run next, without waiting for anything.</summary>
    internal void RunOnce()
    {
        lock (_mail)
        {
            if (!HasMail())
                return;
        }

        if (Receive(out EngineWork? work, out bool forced))
            Run(work, forced);
    }

    private void Run(EngineWork? work, bool forced)
    {
        foreach (EngineJob job in _leaving)
            _jobs.End(job, GenerationEnd.Cancelled);
        _leaving.Clear();
        work?.Run(_health.Judge);
        if (forced)
            EndAll();
        else if (Fault is null)
            Step();
        if (Fault is { } fault)
            FailAll(new DeviceLostException(fault));
    }

    private bool HasMail() => _work.Count > 0 || _withdrawn.Count > 0 || _jobs.All.Count > 0 || _queue.Count > 0 || (_disposed && _open == 0);

    /// <summary>Waits until there is something to do, and takes it. False when disposed of and all requests have ended.</summary>
    private bool Receive(out EngineWork? work, out bool forced)
    {
        lock (_mail)
        {
            while (!HasMail())
                Monitor.Wait(_mail);
            _leaving.AddRange(_withdrawn);
            _withdrawn.Clear();
            forced = _forced;
            work = null;
            if (_disposed)
                return _open > 0;
            _work.TryDequeue(out work);
            return true;
        }
    }

    private void Step()
    {
        try
        {
            _steps.Run();
        }
        catch (Exception exception)
        {
            // A bug, or the device: nothing is known of what runs, but that it holds memory that others wait for.
            Exception judged = _health.Judge(exception);
            while (_jobs.All.Count > 0)
                _jobs.Fail(_jobs.All[0], judged);
        }
    }

    /// <summary>Ends all that runs and all that waits.</summary>
    private void FailAll(Exception exception)
    {
        while (_jobs.All.Count > 0)
            _jobs.Fail(_jobs.All[0], exception);
        while (_queue.Next(_ => true) is EngineJob waiting)
            _jobs.Fail(waiting, exception);
    }

    private void EndAll()
    {
        while (_jobs.All.Count > 0)
            _jobs.End(_jobs.All[0], GenerationEnd.Stopped);
        while (_queue.Next(_ => true) is EngineJob waiting)
        {
            if (_queue.TryTake(waiting))
                _jobs.End(waiting, GenerationEnd.Stopped);
        }
    }
}
