using MoeLora.Contracts;
using MoeLora.Engine.Batching;
using MoeLora.Engine.Generation;
using MoeLora.Serving.Tasks;
using MoeLora.Tensors;

namespace MoeLora.Serving.Requests;

/// <summary>Hands a prepared request to the engine, and says how its answers came about.</summary>
/// <param name="task">What answers.</param>
/// <param name="form">Its weights, held; let go of when the answers have ended, or when they are refused.</param>
/// <param name="node">The node's name.</param>
internal sealed class AnswerStart(LoadedTask task, TaskForm form, string node)
{
    /// <summary>Submits the request.</summary>
    /// <param name="request">As it was asked.</param>
    /// <param name="prepared">What was made of it.</param>
    /// <param name="weight">The tenant's share.</param>
    /// <param name="closing">See <see cref="AnswerStream"/>; not called when the request is refused.</param>
    /// <param name="ended">Ends it early.</param>
    /// <param name="caller">The caller's cancellation.</param>
    public GridResult<AnswerStream> Submit(
        GenerationRequest request, PreparedRequest prepared, double weight, Func<AnswerEnd, ValueTask<GridError?>> closing, EndSignal? ended, CancellationToken caller)
    {
        Provenance provenance = Made(prepared);
        int begun = request.Begun.Sum(tokens => tokens.Count);
        EngineSpan? span = EngineSpan.Begin();
        task.Begin(); // before the engine may end it
        var stream = new AnswerStream(
            task.Host.Tokenizer.Tokenizer, new GenerationStarted(provenance, prepared.Prompt.Length) { Begun = BegunTexts(request, prepared) }, result => Finished(provenance, result, begun), CloseAsync, ended, caller);
        SubmitResult submitted;
        try
        {
            submitted = task.Host.Engine.TrySubmit(
                new EngineRequest
                {
                    Task = form.Model,
                    Prompt = prepared.Prompt,
                    Settings = prepared.Settings,
                    Answers = request.Answers,
                    Begun = [.. request.Begun.Select(tokens => tokens.ToArray())],
                    Tenant = request.Tenant.Text,
                    Weight = weight,
                    PrefixKey = task.Host.PrefixCache ? string.Join('\0', task.Host.Hash, task.Adapter?.Hash, task.Task?.Id, form.Mode, request.Tenant.Text) : null,
                },
                stream,
                stream.Cancellation);
        }
        catch
        {
            stream.Abandon();
            task.Forget();
            LetGo();
            throw;
        }

        if (submitted.IsAccepted)
            return GridResult<AnswerStream>.Success(stream);
        stream.Abandon();
        task.Forget();
        LetGo();
        return submitted.Status switch
        {
            SubmitStatus.QueueFull => new GridError(GridErrorKind.QueueFull, $"{submitted.Problem} Try again in a moment.", RetryAfter: TimeSpan.FromSeconds(1)),
            SubmitStatus.DeviceLost => AnswerStream.Lost,
            SubmitStatus.Stopping => new GridError(GridErrorKind.Stopping, "The server is stopping."),
            _ => new GridError(GridErrorKind.ContextLengthExceeded, $"{submitted.Problem} Ask for less, or for fewer answers.", "max_tokens"),
        };

        ValueTask<GridError?> CloseAsync(AnswerEnd end)
        {
            task.Count(end.Result.PromptTokens + end.Result.CompletionTokens);
            span?.End(provenance, end);
            LetGo();
            return closing(end);
        }
    }

    private string[] BegunTexts(GenerationRequest request, PreparedRequest prepared) =>
        [.. request.Begun.Select(tokens => BegunText.Of(task.Host.Tokenizer.Tokenizer, prepared.Settings, task.Host.Model.Config, tokens))];

    // Freeing takes a turn of the engine, which nobody needs to wait for.
    private void LetGo() => form.ReleaseAsync().ContinueWith(static _ => { }, TaskScheduler.Default);

    private static GenerationFinished Finished(Provenance provenance, EngineResult result, int begun) => new(
        [.. result.Ends.Select(end => end == GenerationEnd.MaxTokens ? FinishReason.Length : FinishReason.Stop)],
        new TokenUsage(result.PromptTokens, result.CompletionTokens, result.CachedTokens),
        new GenerationTimings(result.Queued, result.Prefill, result.Decode, Math.Max(0, result.CompletionTokens - begun - result.Ends.Count)),
        provenance);

    private Provenance Made(PreparedRequest prepared) => new()
    {
        BaseModelHash = $"sha256:{task.Host.Hash}",
        AdapterHash = task.Adapter?.Hash,
        Bank = task.Adapter?.Adapter.Manifest?.Name.ToString(),
        Version = task.Adapter?.Adapter.Manifest?.Version.ToString(),
        Task = task.Task?.Name.ToString(),
        TaskId = task.Task?.Id,
        GateWeights = task.GateWeights,
        Mode = form.Mode,
        Device = task.Host.Model.Device.Name,
        Node = node,
        Seed = prepared.Settings.Sampling.Seed,
        WeightsFormat = task.Host.Model.WeightFormat.Name(),
    };
}
