using System.Runtime.CompilerServices;
using MoeLora.Contracts;
using MoeLora.Contracts.Auditing;

namespace MoeLora.Serving.Auditing;

/// <summary>
/// A grid whose every request leaves a record at its end, whether it was answered, broke off or was refused, durable before the last event of an answer is given;
/// and where an answer begins, one that is durable before its first token is given. While the trail cannot be written, nothing is generated.
/// </summary>
public sealed class AuditedGrid : IModelGrid
{
    private readonly IModelGrid _grid;
    private readonly IAuditTrail _trail;
    private readonly AuditKey _key;
    private readonly bool _requireAudit;

    /// <summary>Stands in front of a grid.</summary>
    /// <param name="grid">What answers.</param>
    /// <param name="trail">Where records go.</param>
    /// <param name="key">What prompts and answers are hashed under.</param>
    /// <param name="requireAudit">Whether a request is refused that cannot be recorded; otherwise it is answered without a record.</param>
    public AuditedGrid(IModelGrid grid, IAuditTrail trail, AuditKey key, bool requireAudit = true) =>
        (_grid, _trail, _key, _requireAudit) = (grid, trail, key, requireAudit);

    /// <inheritdoc/>
    public GridStatus Status => _grid.Status;

    /// <inheritdoc/>
    public ValueTask<GridResult<IReadOnlyList<ModelDescription>>> ListModelsAsync(CancellationToken cancellation = default) => _grid.ListModelsAsync(cancellation);

    /// <inheritdoc/>
    public ValueTask<GridResult<ModelDescription>> FindModelAsync(ModelRef model, CancellationToken cancellation = default) =>
        _grid.FindModelAsync(model, cancellation);

    /// <inheritdoc/>
    public async ValueTask<GridResult<IAsyncEnumerable<GenerationEvent>>> GenerateAsync(GenerationRequest request, CancellationToken cancellation = default)
    {
        if (_requireAudit && _trail.Problem is { } problem)
            return Unrecorded(problem);
        (await _grid.FindModelAsync(request.Model, cancellation)).TryGet(out ModelDescription? model, out _);
        var audit = new AnswerAudit(_trail, _key, request);
        bool isStreaming = false;
        try
        {
            GridResult<IAsyncEnumerable<GenerationEvent>> result = await _grid.GenerateAsync(request, cancellation);
            if (result.TryGet(out IAsyncEnumerable<GenerationEvent>? events, out GridError? error))
            {
                isStreaming = true;
                return GridResult<IAsyncEnumerable<GenerationEvent>>.Success(WatchAsync(events, audit, model, cancellation));
            }

            return await TryWriteAsync(audit.RefusedAsync(error, model?.Bank, model?.TaskName ?? model?.Id)) ?? error;
        }
        finally
        {
            if (!isStreaming)
                audit.Dispose();
        }
    }

    /// <summary>Records a request that was refused before the grid was asked.</summary>
    /// <param name="request">The request.</param>
    /// <param name="refusal">Why.</param>
    /// <param name="bank">The bank that it asked for, where there is such a task; never the caller's own text.</param>
    /// <param name="task">Its task, likewise.</param>
    /// <returns>The refusal; or that it could not be recorded, where every request must be.</returns>
    public async ValueTask<GridError> RecordRefusalAsync(GenerationRequest request, GridError refusal, string? bank, string? task)
    {
        using var audit = new AnswerAudit(_trail, _key, request);
        return await TryWriteAsync(audit.RefusedAsync(refusal, bank, task)) ?? refusal;
    }

    private async IAsyncEnumerable<GenerationEvent> WatchAsync(
        IAsyncEnumerable<GenerationEvent> events, AnswerAudit audit, ModelDescription? model, [EnumeratorCancellation] CancellationToken cancellation)
    {
        string why = "cancelled"; // what ends an answer without a last event: the caller left
        await using IAsyncEnumerator<GenerationEvent> reader = events.GetAsyncEnumerator(cancellation);
        try
        {
            while (await MoveNextAsync())
            {
                GenerationEvent step = reader.Current;
                GridError? error = null;
                switch (step)
                {
                    case GenerationStarted start:
                        error = await TryWriteAsync(audit.BeginAsync(start)); // the model works meanwhile
                        break;
                    case TokenChunk chunk:
                        audit.Add(chunk);
                        break;
                    case GenerationFinished end:
                        error = await TryWriteAsync(audit.FinishedAsync(end));
                        break;
                    case GenerationFailed failed:
                        await TryWriteAsync(audit.BrokeOffAsync(AnswerAudit.Name(failed.Error.Kind), model));
                        break;
                }

                yield return error is null ? step : new GenerationFailed(error);
                if (error is not null && step is GenerationStarted)
                {
                    why = AnswerAudit.Name(error.Kind);
                    yield break;
                }
            }
        }
        finally
        {
            // What cannot be written now keeps the next request from starting.
            if (!audit.IsWritten)
                await TryWriteAsync(audit.BrokeOffAsync(why, model));
            audit.Dispose();
        }

        async ValueTask<bool> MoveNextAsync()
        {
            try
            {
                return await reader.MoveNextAsync();
            }
            catch (Exception bug) when (bug is not OperationCanceledException)
            {
                why = AnswerAudit.Name(GridErrorKind.Internal);
                throw;
            }
        }
    }

    /// <summary>Null when it was written or need not be.</summary>
    private async ValueTask<GridError?> TryWriteAsync(ValueTask writing)
    {
        try
        {
            await writing;
            return null;
        }
        catch (AuditUnavailableException e)
        {
            return _requireAudit ? Unrecorded(e.Message) : null;
        }
    }

    private static GridError Unrecorded(string problem) =>
        new(GridErrorKind.Unavailable, problem + " Answers are given only while they can be recorded.", RetryAfter: TimeSpan.FromSeconds(5));
}
