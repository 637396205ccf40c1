using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using MoeLora.Contracts;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tasks;

namespace MoeLora.Grid.Requests;

/// <summary>
/// The answers to one request, wherever they are generated: when a silo is lost, another goes on from the tokens that the caller has, with the same version and seed,
/// so that the caller sees what it would have seen undisturbed. What silos send is taken at once, however slowly the caller reads: one that pauses loses nothing.
/// </summary>
internal sealed partial class ClusterAnswer : IAsyncDisposable
{
    /// <summary>Silos that may be lost one after another while they answer, without a token in between. It may be the request that ends them, and then the next ones too.</summary>
    public const int MostLosses = 3;

    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(1);

    private readonly Func<TaskKey, ITaskGrain> _grain;
    private readonly SiloBoard _board;
    private readonly IReplicas _replicas;
    private readonly ClusterRequestOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly NamedTask _task;
    private readonly BegunAnswers _begun;
    private readonly CancellationTokenSource _ended;
    private readonly Channel<GenerationEvent> _events = Channel.CreateUnbounded<GenerationEvent>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
    private Task _taking = Task.CompletedTask;
    private SiloCall? _silo;
    private GenerationEvent? _first; // told by the silo when it began, not yet by this
    private int? _last; // the replica that was asked last: where it failed, another one is asked
    private int _losses;
    private bool _isDisposed;

    public ClusterAnswer(
        Func<TaskKey, ITaskGrain> grain, SiloBoard board, IReplicas replicas, ClusterRequestOptions options, TimeProvider time, ILogger logger, GenerationRequest request, NamedTask task, CancellationToken caller)
    {
        (_grain, _board, _replicas, _options, _time, _logger, _task) = (grain, board, replicas, options, time, logger, task);
        _begun = new BegunAnswers(request, task);
        _ended = CancellationTokenSource.CreateLinkedTokenSource(caller);
    }

    /// <summary>Whether the last refusal is a silo's own, which has recorded it.</summary>
    public bool WasRefusedBySilo { get; private set; }

    /// <summary>Finds a silo that admits what is left of the request, and tries again while a refusal may pass.</summary>
    /// <returns>Why none does; null when one did.</returns>
    public async ValueTask<GridError?> StartAsync()
    {
        long start = _time.GetTimestamp();
        TimeSpan wait = _options.FirstWait;
        while (true)
        {
            if (await TryStartAsync() is not { } refusal)
                return null;
            LeaveSilo();
            if (!MayPass(refusal) || _time.GetElapsedTime(start) + wait > _options.Patience)
                return refusal;
            await Task.Delay(wait, _time, _ended.Token);
            wait = TimeSpan.FromTicks(Math.Min(wait.Ticks * 2, LongestWait.Ticks));
        }
    }

    /// <summary>The answers, once <see cref="StartAsync"/> has found a silo. Leaving them early ends the generation.</summary>
    public IAsyncEnumerable<GenerationEvent> Read()
    {
        _taking = Task.Run(TakeAsync);
        return ReadAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        await _ended.CancelAsync();
        await _taking;
        LeaveSilo();
        _ended.Dispose();
    }

    private async IAsyncEnumerable<GenerationEvent> ReadAsync([EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await using ClusterAnswer owned = this;
        await using CancellationTokenRegistration leaving = cancellation.UnsafeRegister(ended => ((CancellationTokenSource)ended!).Cancel(), _ended);
        await foreach (GenerationEvent item in _events.Reader.ReadAllAsync(CancellationToken.None))
            yield return item;
    }

    // Never throws: what happens is the reader's to see.
    private async Task TakeAsync()
    {
        Exception? end = null;
        try
        {
            GenerationEvent? item;
            do
            {
                item = await NextAsync();
                if (item is null)
                {
                    LeaveSilo();
                    item = await GoOnAsync();
                }

                if (item is null || !_begun.Take(item))
                    continue;
                if (item is TokenChunk)
                    _losses = 0;
                _events.Writer.TryWrite(item is GenerationFinished finished ? _begun.Complete(finished) : item);
            }
            while (item is not (GenerationFinished or GenerationFailed));
        }
        catch (Exception e)
        {
            end = e;
        }

        LeaveSilo();
        _events.Writer.Complete(end);
    }

    /// <returns>Why no silo goes on; null when one does.</returns>
    private async ValueTask<GenerationFailed?> GoOnAsync()
    {
        LogLost(_task.Bank, _task.Task, _begun.Tokens);
        if (_losses > MostLosses)
        {
            return new GenerationFailed(new GridError(
                GridErrorKind.Unavailable, $"{_losses} silos were lost one after another while they answered this request, after {_begun.Tokens} tokens; it is not given to another."));
        }

        return await StartAsync() is { } refusal
            ? new GenerationFailed(refusal with { Message = $"The silo that answered was lost after {_begun.Tokens} tokens, and no other goes on: {refusal.Message}" })
            : null;
    }

    /// <summary>
    /// Whether a refusal is worth another try. Before the answers begin, a queue that is full or a limit that is used up is the caller's business; afterwards they were
    /// admitted, and only what no silo thinks otherwise of ends them.
    /// </summary>
    private bool MayPass(GridError refusal) => _begun.HasBegun
        ? refusal.Kind is not (GridErrorKind.Forbidden or GridErrorKind.Withdrawn)
        : refusal.Kind is GridErrorKind.NotReady or GridErrorKind.Stopping or GridErrorKind.Unavailable;

    /// <returns>Why the silo does not admit it; null when it did.</returns>
    private async ValueTask<GridError?> TryStartAsync()
    {
        TaskKey key = _replicas.Choose(_task.Bank, _task.Task, _last);
        _last = key.Replica;
        WasRefusedBySilo = false;
        _silo = new SiloCall(_grain(key), RequestMessage.Of(_begun.Rest), _replicas.Begin(key), _board, _ended.Token);
        _silo.Watch(_board.FindTask(key)?.Report.Silo);
        try
        {
            if (!await _silo.MoveNextAsync())
                return new GridError(GridErrorKind.Unavailable, $"{key} ended without an answer.");
            AnswerPart first = _silo.Current;
            if (first.Kind == AnswerPartKind.Refused)
            {
                WasRefusedBySilo = true;
                return ((ErrorMessage)first.Detail!).ToError();
            }

            _silo.Watch((first.Detail as StartedMessage)?.Silo);
            GenerationEvent item = first.ToEvent();
            if (item is GenerationFailed { Error: { Kind: GridErrorKind.Stopping or GridErrorKind.Unavailable } ended })
            {
                WasRefusedBySilo = true;
                return ended;
            }

            if (item is GenerationStarted started && _begun.FindDifference(started.Provenance) is { } difference)
                return new GridError(GridErrorKind.Unavailable, difference);
            _first = item;
            return null;
        }
        catch (Exception e) when (IsLoss(e))
        {
            LogNoAnswer(key.ToString(), e);
            return new GridError(GridErrorKind.Unavailable, $"No silo answers for {_task.Bank}/{_task.Task} now; the log says why. Try again in a moment.", RetryAfter: LongestWait);
        }
    }

    /// <summary>The next event of the silo; null when it was lost, or stops before the answer is complete.</summary>
    private async ValueTask<GenerationEvent?> NextAsync()
    {
        if (_first is { } first)
        {
            _first = null;
            return first;
        }

        try
        {
            if (await _silo!.MoveNextAsync())
                return _silo.Current.ToEvent() is var item and not GenerationFailed { Error.Kind: GridErrorKind.Stopping or GridErrorKind.Unavailable } ? item : null;
        }
        catch (Exception e) when (IsLoss(e))
        {
            LogNoAnswer($"{_task.Bank}/{_task.Task}/{_last}", e);
        }

        if (!_silo!.WasDoubted)
            _losses++;
        return null;
    }

    private void LeaveSilo()
    {
        _silo?.Leave();
        (_silo, _first) = (null, null);
    }

    /// <summary>Whether the silo, the way to it or its grain was lost, rather than the request.</summary>
    private bool IsLoss(Exception exception) =>
        !_ended.IsCancellationRequested && exception is (OrleansException or TimeoutException or EnumerationAbortedException or IOException or OperationCanceledException);

    [LoggerMessage(Level = LogLevel.Information, Message = "The silo that answered for {Bank}/{Task} was lost or stops after {Tokens} tokens; another one is asked to go on.")]
    private partial void LogLost(string bank, string task, int tokens);

    [LoggerMessage(Level = LogLevel.Debug, Message = "The task grain {Task} does not answer.")]
    private partial void LogNoAnswer(string task, Exception exception);
}
