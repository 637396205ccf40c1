using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway.Answers;

namespace MoeLora.Gateway.Metrics;

/// <summary>The gateway's own instruments. A refused request has no task's tag: what its caller wrote as the model is anybody's text.</summary>
internal sealed class RequestMetrics : IAsyncDisposable
{
    private readonly TimeProvider _time;
    private readonly Meter _meter = new(Telemetry.GatewayMeter);
    private readonly Counter<long> _requests;
    private readonly Counter<long> _tokens;
    private readonly Histogram<double> _timeToFirstToken;
    private readonly Histogram<double> _timePerToken;
    private readonly Histogram<double> _queueTime;
    private readonly Histogram<double> _duration;
    private readonly UpDownCounter<long> _running;
    private readonly Counter<long> _httpRequests;
    private readonly Counter<long> _denied;

    public RequestMetrics(TimeProvider time)
    {
        _time = time;
        _requests = _meter.CreateCounter<long>(Telemetry.Requests, "{request}", "Answers, by how they ended.");
        _tokens = _meter.CreateCounter<long>(Telemetry.Tokens, "{token}", "Tokens read (prompt, of which cached) and generated (completion).");
        _timeToFirstToken = _meter.CreateHistogram<double>(Telemetry.TimeToFirstToken, "s", "From the request's arrival to its first token.");
        _timePerToken = _meter.CreateHistogram<double>(Telemetry.TimePerToken, "s", "Mean time of a token after the first.");
        _queueTime = _meter.CreateHistogram<double>(Telemetry.QueueTime, "s", "From admission to the prompt pass.");
        _duration = _meter.CreateHistogram<double>(Telemetry.RequestDuration, "s", "The whole answer.");
        _running = _meter.CreateUpDownCounter<long>(Telemetry.RequestsRunning, "{request}", "Answers that run or wait.");
        _httpRequests = _meter.CreateCounter<long>(Telemetry.HttpRequests, "{request}", "HTTP answers, by route and status.");
        _denied = _meter.CreateCounter<long>(Telemetry.AccessDenied, "{request}", "Callers turned away, by reason.");
    }

    public void Started() => _running.Add(1);

    public void Ended() => _running.Add(-1);

    public void Answered(string? route, int status) =>
        _httpRequests.Add(1, new(Telemetry.RouteTag, route ?? ""), new(Telemetry.StatusTag, status));

    public void Denied(string reason) => _denied.Add(1, new KeyValuePair<string, object?>(Telemetry.ReasonTag, reason));

    /// <summary>An answer that is complete.</summary>
    /// <param name="tenant">Whose it is.</param>
    /// <param name="finished">Its last event.</param>
    /// <param name="started">When its request arrived.</param>
    /// <param name="firstToken">When its first token was there; 0 where there was none.</param>
    public void Finished(TenantId tenant, GenerationFinished finished, long started, long firstToken)
    {
        GenerationTimings timings = finished.Timings;
        TagList tags = Tags(tenant, finished.Provenance);
        _duration.Record(_time.GetElapsedTime(started).TotalSeconds, tags);
        _queueTime.Record(timings.Queued.TotalSeconds, tags);
        if (firstToken != 0)
            _timeToFirstToken.Record(_time.GetElapsedTime(started, firstToken).TotalSeconds, tags);
        if (timings.DecodedTokens > 0)
            _timePerToken.Record(timings.Decode.TotalSeconds / timings.DecodedTokens, tags);

        tags.Add(Telemetry.KindTag, "prompt");
        _tokens.Add(finished.Usage.PromptTokens, tags);
        tags[^1] = new(Telemetry.KindTag, "completion");
        _tokens.Add(finished.Usage.CompletionTokens, tags);
        if (finished.Usage.CachedTokens > 0)
        {
            tags[^1] = new(Telemetry.KindTag, "cached");
            _tokens.Add(finished.Usage.CachedTokens, tags);
        }

        tags[^1] = new(Telemetry.OutcomeTag, Http.Wire.Name(finished.Reason));
        _requests.Add(1, tags);
    }

    /// <summary>An answer that was refused or broke off.</summary>
    /// <param name="tenant">Whose it is.</param>
    /// <param name="outcome">How it ended.</param>
    /// <param name="started">When its request arrived.</param>
    /// <param name="progress">How far it came.</param>
    public void Failed(TenantId tenant, string outcome, long started, AnswerProgress progress)
    {
        TagList tags = Tags(tenant, progress.Start?.Provenance);
        if (progress.FirstToken != 0)
        {
            _timeToFirstToken.Record(_time.GetElapsedTime(started, progress.FirstToken).TotalSeconds, tags);
            tags.Add(Telemetry.KindTag, "prompt");
            _tokens.Add(progress.Start?.PromptTokens ?? 0, tags);
            tags[^1] = new(Telemetry.KindTag, "completion");
            _tokens.Add(progress.Tokens, tags);
            tags.RemoveAt(tags.Count - 1);
        }

        tags.Add(Telemetry.OutcomeTag, outcome);
        _requests.Add(1, tags);
    }

    public ValueTask DisposeAsync()
    {
        _meter.Dispose();
        return default;
    }

    private static TagList Tags(TenantId tenant, Provenance? made) => new()
    {
        { Telemetry.TenantTag, tenant.Text },
        { Telemetry.BankTag, made?.Bank ?? "" },
        { Telemetry.TaskTag, made?.Task ?? made?.TaskId?.ToString(CultureInfo.InvariantCulture) ?? "" },
        { Telemetry.VersionTag, made?.Version ?? "" },
    };
}
