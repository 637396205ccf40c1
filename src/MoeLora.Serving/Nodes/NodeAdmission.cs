using System.Globalization;
using Microsoft.Extensions.Logging;
using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;
using MoeLora.Engine.Batching;
using MoeLora.Serving.Requests;
using MoeLora.Serving.Rollouts;
using MoeLora.Serving.Tasks;
using MoeLora.Serving.Tenants;

namespace MoeLora.Serving.Nodes;

/// <summary>
/// One request on its way into a node's engine, and all that it holds there: the version that answers it, its weights, its tenant's room, a version that shadows
/// it. What it holds is let go of exactly once: here when it is refused, at the end of its answers otherwise.
/// </summary>
internal sealed partial class NodeAdmission(GenerationRequest request, ITenantLimiter? limiter, Tenant? tenant, NodeOptions options, ILogger logger)
{
    private LoadedTask? _task;
    private LoadedVersion? _version;
    private VersionPin? _pin;
    private VersionPin? _shadowPin;
    private TenantLease? _lease;
    private bool _submitted;
    private readonly bool _continues = request.Begun.Count > 0;

    /// <summary>What decides whether a request is part of a canary's or shadow's share: its own id, else its seed, else chance.</summary>
    public string Key { get; } = request.RequestId ?? request.Seed?.ToString(CultureInfo.InvariantCulture) ?? Guid.NewGuid().ToString("N");

    /// <summary>The base model by itself.</summary>
    public void Choose(LoadedTask alone) => _task = alone;

    /// <summary>A task of a version.</summary>
    public void Choose(RoutedRequest routed)
    {
        _pin = routed.Pin;
        _shadowPin = routed.ShadowPin;
        _version = (LoadedVersion)routed.Pin.Version.Loaded;
        _task = _version.Task(routed.AdapterTask);
    }

    /// <summary>Checks the request against what was chosen, and hands it to the engine.</summary>
    public async Task<GridResult<AnswerStream>> SubmitAsync(CancellationToken cancellation)
    {
        LoadedTask task = _task!;
        if (FindRefusal() is { } refused)
            return refused; // before its prompt costs anything
        if (!RequestPreparation.Prepare(task.Host, request, tenant?.Limits.TokensPerMinute).TryGet(out PreparedRequest? prepared, out GridError? error))
            return error;
        if (tenant is not null
            && !(await limiter!.AcquireAsync(tenant, Demand(_continues ? Rest(prepared.Settings.MaxTokens) : prepared.Prompt.Length + Reserved(prepared.Settings.MaxTokens) * request.Answers), cancellation))
                .TryGet(out _lease, out error))
            return error;

        TaskForm form = await task.HoldAsync(cancellation);
        ShadowComparison? shadow = null;
        var shadowReady = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var start = new AnswerStart(task, form, options.Name);
        if (!start.Submit(request, prepared, _lease?.Weight ?? 1, CloseAsync, _version?.Ended, cancellation).TryGet(out AnswerStream? answers, out error))
            return error;
        _submitted = true;
        try
        {
            shadow = await ShadowAsync(prepared);
        }
        finally
        {
            shadowReady.SetResult();
        }

        return GridResult<AnswerStream>.Success(answers);

        async ValueTask<GridError?> CloseAsync(AnswerEnd end)
        {
            _pin?.Dispose();
            // The prompt, and what was begun elsewhere, were counted there.
            _lease?.Complete(_continues ? Math.Max(0, end.Result.CompletionTokens - BegunTokens) : end.Result.PromptTokens + end.Result.CompletionTokens);
            await shadowReady.Task;
            _ = shadow?.CompareAsync(end.Last is GenerationFinished ? end.Fingerprint : null);
            return null;
        }
    }

    /// <summary>Why its tenant's limits refuse it already, whatever its prompt's text is; null when they may not.</summary>
    private GridError? FindRefusal()
    {
        if (tenant is null)
            return null;
        int prompt = request.Prompt is TokenPrompt tokens ? tokens.TokenIds.Count : 1;
        return limiter!.FindRefusal(tenant, Demand(prompt + (request.TrimToContext ? 1 : (long)request.MaxTokens) * request.Answers));
    }

    /// <summary>
    /// What is reserved of the minute for one answer: all that it may use; where its caller left its length open, what such answers seldom exceed, so that a few of them
    /// do not shut everything else out. What it really used is settled at its end.
    /// </summary>
    private long Reserved(int maxTokens) => request.TrimToContext ? Math.Min(maxTokens, options.ReservedAnswerTokens) : maxTokens;

    private long Rest(int maxTokens) => Math.Max(0, Reserved(maxTokens) * request.Answers - BegunTokens);

    private long BegunTokens => request.Begun.Sum(tokens => (long)tokens.Count);

    private TenantDemand Demand(long tokens) =>
        new(_task!.Adapter?.Adapter.Manifest?.Name.ToString(), _task.Name, request.Answers, tokens) { Continues = _continues };

    /// <summary>Lets go of what the request holds when it was not submitted.</summary>
    public void LetGoIfRefused()
    {
        if (_submitted)
            return;
        _pin?.Dispose();
        _shadowPin?.Dispose();
        _lease?.Cancel();
    }

    /// <summary>
    /// Runs a copy on the shadow version; null when there is none, or when it cannot be copied. Never throws: the answer itself runs already, and nothing that
    /// happens to its copy changes it.
    /// </summary>
    private async Task<ShadowComparison?> ShadowAsync(PreparedRequest prepared)
    {
        if (_shadowPin is not { } pin)
            return null;
        try
        {
            if (await CopyAsync(prepared, pin) is { } comparison)
                return comparison;
        }
        catch (Exception e)
        {
            LogNotCopied(logger, e);
            pin.Version.Shadow.Drop();
        }

        pin.Dispose();
        return null;
    }

    private async Task<ShadowComparison?> CopyAsync(PreparedRequest prepared, VersionPin pin)
    {
        LoadedTask? task = ((LoadedVersion)pin.Version.Loaded).Adapter.Tasks.FirstOrDefault(task => task.Name == _task!.Name);
        if (task is null)
            return null;
        if (task.Host != _task!.Host)
        {
            pin.Version.Shadow.Drop(); // its tokens are another model's
            return null;
        }

        TaskForm form = await task.HoldAsync(CancellationToken.None);
        var comparison = new ShadowComparison(pin, () => _ = form.ReleaseAsync());
        var copy = new EngineRequest
        {
            Task = form.Model,
            Prompt = prepared.Prompt,
            Settings = prepared.Settings,
            Answers = request.Answers,
            Tenant = ShadowTenant,
            Weight = ShadowWeight,
        };
        bool isTaken = false;
        try
        {
            isTaken = task.Host.Engine.TrySubmit(copy, comparison, ((LoadedVersion)pin.Version.Loaded).Ended.Token).IsAccepted;
        }
        finally
        {
            if (!isTaken)
                _ = form.ReleaseAsync();
        }

        if (!isTaken)
            pin.Version.Shadow.Drop();
        return isTaken ? comparison : null;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "A request could not be copied to the shadow version; its answer goes on.")]
    private static partial void LogNotCopied(ILogger logger, Exception exception);

    // A tenant that no caller can be, so that copies wait behind everybody's requests.
    private const string ShadowTenant = "(shadow)";
    private const double ShadowWeight = 0.1;
}
