using MoeLora.Engine.Generation;
using MoeLora.Engine.Threading;
using MoeLora.Models;
using MoeLora.Models.Tokenizers;

namespace MoeLora.Engine.Batching;

/// <summary>
/// Answers the requests of many tenants on one base model and its tasks, and owns the thread that drives it.
/// </summary>
public sealed class BatchEngine : IDisposable
{
    private readonly CausalModel _model;
    private readonly TimeProvider _time;
    private readonly EngineOptions _options;
    private readonly ModelThread _thread;
    private readonly Generator _generator;
    private readonly CancellationTokenSource _forced = new();
    private volatile bool _stopping;
    private int _open;

    /// <summary>Makes an engine and starts its thread.</summary>
    /// <param name="baseModel">It must outlive the engine, and is driven by its thread only.</param>
    /// <param name="tokenizer">The model's; null generates token ids only.</param>
    /// <param name="options">How much it does at once.</param>
    /// <param name="time">For the timings.</param>
    public BatchEngine(CausalModel baseModel, ITokenizer? tokenizer, EngineOptions options, TimeProvider? time = null)
    {
        _model = baseModel;
        _options = options;
        _time = time ?? TimeProvider.System;
        _thread = new ModelThread(options.QueueLength, options.OnStart);
        _generator = new Generator(baseModel, tokenizer, time);
    }

    /// <summary>What it does now, and has done. Safe from any thread.</summary>
    public EngineStatistics Statistics => new() { Blocks = _options.Blocks };

    /// <summary>How many blocks this much memory holds, at least 1.</summary>
    /// <param name="baseModel">Whose keys and values.</param>
    /// <param name="bytes">Memory for them.</param>
    /// <param name="blockPositions">Positions in a block.</param>
    public static int BlocksIn(CausalModel baseModel, long bytes, int blockPositions = 32)
    {
        ModelConfig config = baseModel.Config;
        long perBlock = 2L * config.LayerCount * config.KeyValueHeadCount * config.HeadDim * sizeof(float) * blockPositions;
        return (int)Math.Clamp(bytes / perBlock, 1, int.MaxValue);
    }

    /// <summary>Submits a request. Safe from any thread; never waits.</summary>
    /// <param name="request">What to answer.</param>
    /// <param name="output">Where the answers go.</param>
    /// <param name="cancellation">Takes it out of the queue at once, or ends it before the next step; either way the output is told.</param>
    /// <exception cref="ArgumentException">The prompt cannot be used, or there are stop strings but no tokenizer: a caller finds that before.</exception>
    public SubmitResult TrySubmit(EngineRequest request, IEngineOutput output, CancellationToken cancellation = default)
    {
        if (_model.FindPromptProblem(request.Prompt) is { } problem)
            throw new ArgumentException(problem, nameof(request));
        if (_stopping)
            return new SubmitResult(SubmitStatus.Stopping, "The engine is stopping.");
        long submitted = _time.GetTimestamp();
        Interlocked.Increment(ref _open);
        if (_thread.TryRun(() => Run(request, output, submitted, cancellation)) is null)
        {
            Interlocked.Decrement(ref _open);
            return new SubmitResult(SubmitStatus.QueueFull, $"{_options.QueueLength} requests wait already.");
        }

        return new SubmitResult(SubmitStatus.Accepted);
    }

    /// <summary>Runs work on the model's thread between two steps: what loads, merges, proves or frees weights. Running answers wait for it.</summary>
    /// <param name="work">What to do.</param>
    /// <returns>Completes after the work, or fails with its exception; is cancelled when the engine was disposed of before.</returns>
    public Task RunAsync(Action work) => _thread.TryRun(work) ?? Task.FromException(new ObjectDisposedException(nameof(BatchEngine)));

    /// <summary>Takes no more requests, and completes when those that it has taken have ended. <see cref="RunAsync"/> goes on.</summary>
    /// <param name="force">Ends them early, with <see cref="GenerationEnd.Stopped"/>.</param>
    public async Task StopAsync(CancellationToken force = default)
    {
        _stopping = true;
        await using CancellationTokenRegistration registration = force.Register(_forced.Cancel);
        while (Volatile.Read(ref _open) > 0)
            await Task.Delay(1, CancellationToken.None);
    }

    /// <summary>Ends all requests, with <see cref="GenerationEnd.Stopped"/>, and frees the engine's memory. Not to be called from its outputs or work.</summary>
    public void Dispose()
    {
        _forced.Cancel();
        StopAsync().GetAwaiter().GetResult();
        _thread.Dispose();
        _generator.Dispose();
    }

    private void Run(EngineRequest request, IEngineOutput output, long submitted, CancellationToken cancellation)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _forced.Token);
        TimeSpan queued = _time.GetElapsedTime(submitted);
        var ends = new List<GenerationEnd>();
        GenerationResult? first = null;
        Exception? failure = null;
        int count = 0;
        try
        {
            output.OnStarted(queued);
            for (int answer = 0; answer < request.Answers; answer++)
            {
                GenerationResult result = _generator.Run(request.Task, request.Prompt, request.Settings, new Relay(output, answer), either.Token);
                GenerationEnd end = result.End == GenerationEnd.Cancelled && _forced.IsCancellationRequested ? GenerationEnd.Stopped : result.End;
                output.OnAnswerEnded(answer, end);
                ends.Add(end);
                count += result.CompletionTokens;
                first ??= result;
            }
        }
        catch (Exception exception)
        {
            failure = exception;
            while (ends.Count < request.Answers)
                ends.Add(GenerationEnd.Failed);
        }

        output.OnEnded(new EngineResult
        {
            Ends = ends,
            Failure = failure,
            PromptTokens = request.Prompt.Length,
            CompletionTokens = count,
            Queued = queued,
            Prefill = first?.Prefill ?? TimeSpan.Zero,
            Decode = first?.Decode ?? TimeSpan.Zero,
        });
        Interlocked.Decrement(ref _open);
    }

    private sealed class Relay(IEngineOutput output, int answer) : IGenerationOutput
    {
        public void OnToken(int id, string text) => output.OnToken(answer, new GeneratedToken(id, text));

        public void OnRest(string text) => output.OnRest(answer, text);
    }
}
