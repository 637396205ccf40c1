using System.Runtime.CompilerServices;
using System.Threading.Channels;
using MoeLora.Contracts;
using MoeLora.Engine.Generation;
using MoeLora.Serving.Loading;
using MoeLora.Tensors;

namespace MoeLora.Serving.Requests;

/// <summary>One admitted request: runs on the model's thread, and hands its events to whoever reads them.</summary>
internal sealed class GenerationJob : IGenerationOutput, IDisposable
{
    private static readonly GridError Stopped = new(GridErrorKind.Stopping, "The server is stopping and ended this answer early.");

    private readonly LoadedModel _loaded;
    private readonly AdmittedRequest _request;
    private readonly TimeProvider _time;
    private readonly long _admitted;
    private readonly CancellationToken _forced;
    private readonly CancellationTokenSource _left = new();
    private readonly CancellationTokenSource _any;

    // As long as the answer at most, so it needs no bound: the model never waits for a slow reader.
    private readonly Channel<GenerationEvent> _events = Channel.CreateUnbounded<GenerationEvent>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });

    /// <param name="loaded">What answers.</param>
    /// <param name="request">What to answer.</param>
    /// <param name="time">For the timings.</param>
    /// <param name="caller">The caller's cancellation.</param>
    /// <param name="forced">The grid's: it stops and waits no longer.</param>
    public GenerationJob(LoadedModel loaded, AdmittedRequest request, TimeProvider time, CancellationToken caller, CancellationToken forced)
    {
        _loaded = loaded;
        _request = request;
        _time = time;
        _admitted = time.GetTimestamp();
        _forced = forced;
        _any = CancellationTokenSource.CreateLinkedTokenSource(caller, forced, _left.Token);
    }

    /// <summary>Cancelled by the caller, by a reader that left, or by the grid.</summary>
    public CancellationToken Cancellation => _any.Token;

    /// <summary>Generates. Only on the model's thread.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public void Run()
    {
        TaskModel task = _request.Task.Resolve(_any.Token);
        TimeSpan queued = _time.GetElapsedTime(_admitted);
        GenerationResult result = _loaded.Generator.Run(task, _request.Prompt, _request.Settings, this, _any.Token);
        switch (result.End)
        {
            case GenerationEnd.Cancelled:
                throw new OperationCanceledException(_any.Token);
            case GenerationEnd.UnusableLogits:
                End(new GenerationFailed(new GridError(GridErrorKind.Internal, "The model computed NaN or infinity instead of an answer: its weights or this prompt's arithmetic are broken.")));
                break;
            default:
                End(Finished(result, queued));
                break;
        }
    }

    /// <summary>Tells the reader how the work ended that has not told so itself.</summary>
    /// <param name="failure">Why it ended: a cancellation, or a bug, which the reader gets as it is.</param>
    public void Fail(Exception failure)
    {
        if (failure is not OperationCanceledException)
            _events.Writer.TryComplete(failure);
        else if (_forced.IsCancellationRequested)
            End(new GenerationFailed(Stopped));
        else
            _events.Writer.TryComplete(new OperationCanceledException());
    }

    /// <summary>The answer as it comes. Leaving it early ends the generation.</summary>
    public async IAsyncEnumerable<GenerationEvent> ReadAsync([EnumeratorCancellation] CancellationToken cancellation = default)
    {
        try
        {
            while (await _events.Reader.WaitToReadAsync(cancellation))
            {
                while (_events.Reader.TryRead(out GenerationEvent? item))
                    yield return item;
            }
        }
        finally
        {
            _left.Cancel();
        }
    }

    public void OnToken(int id, string text) => _events.Writer.TryWrite(new TokenChunk(text, [id]));

    public void OnRest(string text) => _events.Writer.TryWrite(new TokenChunk(text, []));

    /// <summary>Lets go of the cancellations of others; the events can still be read.</summary>
    public void Dispose() => _any.Dispose();

    private void End(GenerationEvent last)
    {
        _events.Writer.TryWrite(last);
        _events.Writer.TryComplete();
    }

    private GenerationFinished Finished(GenerationResult result, TimeSpan queued) => new(
        [result.End == GenerationEnd.MaxTokens ? FinishReason.Length : FinishReason.Stop],
        new TokenUsage(result.PromptTokens, result.CompletionTokens),
        new GenerationTimings(queued, result.Prefill, result.Decode, result.CompletionTokens - 1),
        new Provenance
        {
            BaseModelHash = $"sha256:{_loaded.BaseHash}",
            AdapterHash = _loaded.AdapterHash,
            Task = _request.Task.Task?.Name.ToString(),
            TaskId = _request.Task.Task?.Id,
            GateWeights = _request.Task.GateWeights,
            Mode = _request.Task.Description.Mode,
            Device = _loaded.Base.Device.Name,
            Seed = _request.Settings.Sampling.Seed,
            WeightsFormat = _loaded.Base.WeightFormat.Name(),
        });
}
