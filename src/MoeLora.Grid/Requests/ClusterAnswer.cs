using System.Runtime.CompilerServices;
using MoeLora.Contracts;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tasks;

namespace MoeLora.Grid.Requests;

/// <summary>
/// The answers to one request, wherever they are generated: when a silo is lost, another goes on from the tokens that the caller has, with the same version and seed,
/// so that the caller sees what it would have seen undisturbed. Used by one reader.
/// </summary>
internal sealed class ClusterAnswer : IAsyncDisposable
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(1);

    private readonly IGrainFactory _grains;
    private readonly SiloBoard _board;
    private readonly IReplicas _replicas;
    private readonly ClusterRequestOptions _options;
    private readonly TimeProvider _time;
    private readonly NamedTask _task;
    private readonly BegunAnswers _begun;
    private readonly CancellationTokenSource _ended;
    private IAsyncEnumerator<AnswerPart>? _parts;
    private string? _silo; // where they come from, as far as it is known
    private GenerationEvent? _first; // told by StartAsync's silo, not yet by this
    private IDisposable? _lease;
    private int? _last; // the replica that was asked last: where it failed, another one is asked

    public ClusterAnswer(
        IGrainFactory grains, SiloBoard board, IReplicas replicas, ClusterRequestOptions options, TimeProvider time, GenerationRequest request, NamedTask task, CancellationToken caller)
    {
        (_grains, _board, _replicas, _options, _time, _task) = (grains, board, replicas, options, time, task);
        _begun = new BegunAnswers(request, task);
        _ended = CancellationTokenSource.CreateLinkedTokenSource(caller);
    }

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
            await LeaveSiloAsync();
            // A queue that is full is the caller's business before the first token; afterwards the answer was admitted already.
            bool passes = refusal.Kind is GridErrorKind.NotReady or GridErrorKind.Stopping or GridErrorKind.Unavailable || (_begun.Tokens > 0 && refusal.Kind == GridErrorKind.QueueFull);
            if (!passes || _time.GetElapsedTime(start) + wait > _options.Patience)
                return refusal;
            await Task.Delay(wait, _time, _ended.Token);
            wait = TimeSpan.FromTicks(Math.Min(wait.Ticks * 2, LongestWait.Ticks));
        }
    }

    /// <summary>The answers, once <see cref="StartAsync"/> has found a silo. Leaving them early ends the generation.</summary>
    public async IAsyncEnumerable<GenerationEvent> ReadAsync([EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await using ClusterAnswer owned = this;
        await using CancellationTokenRegistration leaving = cancellation.UnsafeRegister(ended => ((CancellationTokenSource)ended!).Cancel(), _ended);
        while (true)
        {
            if (await NextAsync() is not { } item)
            {
                await LeaveSiloAsync();
                item = await StartAsync() is { } refusal
                    ? new GenerationFailed(refusal with { Message = $"The silo that answered was lost after {_begun.Tokens} tokens, and no other goes on: {refusal.Message}" })
                    : await NextAsync();
                if (item is null)
                    continue;
            }

            if (!_begun.Take(item))
                continue;
            yield return item;
            if (item is GenerationFinished or GenerationFailed)
                yield break;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await LeaveSiloAsync();
        _ended.Dispose();
    }

    /// <returns>Why the silo does not admit it; null when it did.</returns>
    private async ValueTask<GridError?> TryStartAsync()
    {
        TaskKey key = _replicas.Choose(_task.Bank, _task.Task, _last);
        _lease = _replicas.Begin(key);
        _last = key.Replica;
        _silo = _board.FindTask(key)?.Report.Silo;
        try
        {
            _parts = _grains.GetGrain<ITaskGrain>(key.ToString()).GenerateAsync(RequestMessage.Of(_begun.Rest), _ended.Token).GetAsyncEnumerator(_ended.Token);
            if (!await MoveAsync())
                return new GridError(GridErrorKind.Unavailable, $"{key} ended without an answer.");
            AnswerPart first = _parts.Current;
            if (first.Kind == AnswerPartKind.Refused)
                return ((ErrorMessage)first.Detail!).ToError();
            _silo = (first.Detail as StartedMessage)?.Silo;
            _first = first.ToEvent();
            return null;
        }
        catch (Exception e) when (IsLoss(e))
        {
            return new GridError(GridErrorKind.Unavailable, $"No silo answers for {_task.Bank}/{_task.Task} now: {e.Message}", RetryAfter: LongestWait);
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
            if (!await MoveAsync())
                return null;
            GenerationEvent item = _parts!.Current.ToEvent();
            return item is GenerationFailed { Error.Kind: GridErrorKind.Stopping or GridErrorKind.Unavailable } ? null : item;
        }
        catch (Exception e) when (IsLoss(e))
        {
            return null;
        }
    }

    /// <summary>Waits for the next part, but not longer than its silo is there: a client outside the cluster is told of no silo's death, and would wait until its call ends.</summary>
    /// <exception cref="SiloUnavailableException">The silo has left the cluster.</exception>
    private ValueTask<bool> MoveAsync()
    {
        ValueTask<bool> next = _parts!.MoveNextAsync();
        return !next.IsCompleted && _silo is { } silo && _board.Presence(silo) is { CanBeCanceled: true } presence ? MoveAsync(next.AsTask(), silo, presence) : next;
    }

    private async ValueTask<bool> MoveAsync(Task<bool> next, string silo, CancellationToken presence)
    {
        try
        {
            return await next.WaitAsync(presence);
        }
        catch (OperationCanceledException) when (presence.IsCancellationRequested && !next.IsCompleted)
        {
            _ = AbandonAsync(_parts!, next);
            _parts = null;
            throw new SiloUnavailableException($"The silo {silo} has left the cluster.");
        }
    }

    /// <summary>The way to a silo that is gone may be a silo that stands still: nobody waits for it.</summary>
    private static async Task AbandonAsync(IAsyncEnumerator<AnswerPart> parts, Task<bool> next)
    {
        await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await parts.DisposeAsync().AsTask().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async ValueTask LeaveSiloAsync()
    {
        _lease?.Dispose();
        (_lease, _first) = (null, null);
        if (_parts is not { } parts)
            return;
        _parts = null;
        try
        {
            await parts.DisposeAsync();
        }
        catch (Exception e) when (IsLoss(e) || e is OperationCanceledException)
        {
            // A silo that is gone need not be told.
        }
    }

    /// <summary>Whether the silo, the way to it or its grain was lost, rather than the request.</summary>
    private bool IsLoss(Exception exception) =>
        !_ended.IsCancellationRequested && exception is (OrleansException or TimeoutException or EnumerationAbortedException or IOException or OperationCanceledException);
}
