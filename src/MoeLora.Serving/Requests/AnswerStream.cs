using System.Runtime.CompilerServices;
using System.Threading.Channels;
using MoeLora.Contracts;
using MoeLora.Engine.Batching;
using MoeLora.Engine.Generation;
using MoeLora.Engine.Sampling;
using MoeLora.Models.Tokenizers;
using MoeLora.Tensors;

namespace MoeLora.Serving.Requests;

/// <summary>The answers to one request on their way from the engine to whoever reads them.</summary>
internal sealed class AnswerStream : IEngineOutput
{
    private static readonly GridError Stopped = new(GridErrorKind.Stopping, "The server is stopping and ended this answer early.");
    private static readonly GridError NoMemory = new(GridErrorKind.Unavailable, "The device ran out of memory in the middle of this answer; others go on. Try again when less runs there, or ask for less.");
    /// <summary>What a lost device means to a caller.</summary>
    internal static readonly GridError Lost = new(GridErrorKind.Unavailable, "The device that answers this model was lost; it stays so until its server is started anew. Another server of the grid may answer.");

    private static readonly GridError Unusable = new(GridErrorKind.Internal, "The model computed NaN or infinity instead of an answer: its weights or this prompt's arithmetic are broken.");

    private readonly ITokenizer? _tokenizer;
    private readonly Func<EngineResult, GenerationFinished> _finished;
    private readonly Func<AnswerEnd, ValueTask<GridError?>> _closing;
    private readonly EndSignal? _ended;
    private readonly CancellationTokenSource _left = new();
    private readonly CancellationTokenSource _any;
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // As long as the answers at most, so it needs no bound: the model never waits for a slow reader.
    private readonly Channel<GenerationEvent> _events = Channel.CreateUnbounded<GenerationEvent>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
    private readonly TokenFingerprint _fingerprint = new();

    /// <param name="tokenizer">For the bytes of tokens whose probabilities are reported.</param>
    /// <param name="start">The first event.</param>
    /// <param name="finished">Makes the last event of answers that are complete.</param>
    /// <param name="closing">
    /// Runs when the engine is done with the request, before the reader gets the last event; what it returns is that event instead. Not on the model's thread.
    /// </param>
    /// <param name="ended">Ends it early.</param>
    /// <param name="caller">The caller's cancellation.</param>
    public AnswerStream(
        ITokenizer? tokenizer, GenerationStarted start, Func<EngineResult, GenerationFinished> finished, Func<AnswerEnd, ValueTask<GridError?>> closing, EndSignal? ended, CancellationToken caller)
    {
        _tokenizer = tokenizer;
        _finished = finished;
        _closing = closing;
        _ended = ended;
        _events.Writer.TryWrite(start);
        _any = CancellationTokenSource.CreateLinkedTokenSource(caller, _left.Token, ended?.Token ?? default);
    }

    /// <summary>Cancelled by the caller, by a reader that left, or from outside.</summary>
    public CancellationToken Cancellation => _any.Token;

    /// <summary>Lets go of what would end it, when the engine has not taken the request: the version that would have answered lives on.</summary>
    public void Abandon() => _any.Dispose();

    /// <summary>Completes when the request has ended and everything that hangs on it was let go.</summary>
    public Task Closed => _closed.Task;

    /// <summary>The answers as they come. Leaving them early ends the generation.</summary>
    public async IAsyncEnumerable<GenerationEvent> ReadAsync([EnumeratorCancellation] CancellationToken cancellation = default)
    {
        try
        {
            do
            {
                while (_events.Reader.TryRead(out GenerationEvent? item))
                    yield return item; // also to a caller that has left: it shall know what it left
            }
            while (await _events.Reader.WaitToReadAsync(cancellation));
        }
        finally
        {
            _left.Cancel();
        }
    }

    public void OnStarted(TimeSpan queued)
    {
    }

    public void OnToken(int answer, in GeneratedToken token)
    {
        _fingerprint.Add(answer, token.Id);
        var chunk = new TokenChunk(token.Text, [token.Id], answer);
        _events.Writer.TryWrite(token.LogProbabilities.IsEmpty ? chunk : chunk with { LogProbs = [Report(token.LogProbabilities)] });
    }

    public void OnRest(int answer, string text) => _events.Writer.TryWrite(new TokenChunk(text, [], answer));

    public void OnAnswerEnded(int answer, GenerationEnd end)
    {
    }

    // Not here: this is the model's thread, and what is to be done may wait for a disk.
    public void OnEnded(EngineResult result) => Task.Run(() => CloseAsync(result));

    private async Task CloseAsync(EngineResult result)
    {
        try
        {
            GenerationEvent? last = Last(result);
            GridError? refused = await _closing(new AnswerEnd(result, last, _fingerprint.Value));
            if (refused is not null)
                last = new GenerationFailed(refused);
            if (last is not null)
                _events.Writer.TryWrite(last);
            _events.Writer.TryComplete(last is null ? result.Failure ?? new OperationCanceledException() : null);
        }
        catch (Exception bug)
        {
            _events.Writer.TryComplete(bug);
        }
        finally
        {
            _any.Dispose();
            _closed.TrySetResult();
        }
    }

    private GenerationEvent? Last(EngineResult result)
    {
        if (result.Ends.Contains(GenerationEnd.Failed))
        {
            return result.Failure switch
            {
                OutOfMemoryException => new GenerationFailed(NoMemory),
                DeviceLostException => new GenerationFailed(Lost),
                _ => null,
            };
        }

        if (result.Ends.Contains(GenerationEnd.Stopped))
            return new GenerationFailed(Stopped);
        if (result.Ends.Contains(GenerationEnd.Cancelled))
            return _ended?.Error is { } error ? new GenerationFailed(error) : null;
        return result.Ends.Contains(GenerationEnd.UnusableLogits) ? new GenerationFailed(Unusable) : _finished(result);
    }

    private TokenLogProbs Report(ReadOnlySpan<TokenLogProbability> probabilities)
    {
        var top = new TokenLogProb[probabilities.Length - 1];
        for (int i = 0; i < top.Length; i++)
            top[i] = Report(probabilities[i + 1]);
        return new TokenLogProbs(Report(probabilities[0]), top);
    }

    private TokenLogProb Report(TokenLogProbability probability)
    {
        bool known = _tokenizer is not null && probability.Token < _tokenizer.VocabularySize;
        return new TokenLogProb(probability.Token, known ? _tokenizer!.TokenBytes(probability.Token).ToArray() : default, probability.LogProbability);
    }
}
