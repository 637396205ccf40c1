using System.Diagnostics;
using System.Diagnostics.Metrics;
using MoeLora.Contracts;
using MoeLora.Serving.Bases;
using MoeLora.Serving.Requests;

namespace MoeLora.Serving.Nodes;

/// <summary>What a node measures, under the names of <see cref="Telemetry"/>.</summary>
internal sealed class NodeMetrics : IDisposable
{
    private readonly Meter _meter = new(Telemetry.ServingMeter);
    private readonly Meter _engines = new(Telemetry.EngineMeter);
    private readonly Counter<long> _requests;
    private readonly Counter<long> _tokens;
    private readonly Histogram<double> _firstToken;
    private readonly Histogram<double> _perToken;
    private readonly Histogram<double> _queue;
    private readonly Histogram<double> _duration;

    /// <param name="bases">The base models that there are now.</param>
    public NodeMetrics(Func<IReadOnlyList<BaseModelHost>> bases)
    {
        _requests = _meter.CreateCounter<long>(Telemetry.Requests, null, "Answers, by how they ended.");
        _tokens = _meter.CreateCounter<long>(Telemetry.Tokens, null, "Tokens read, found in the prefix cache, and generated.");
        _firstToken = _meter.CreateHistogram<double>(Telemetry.TimeToFirstToken, "s", "From a request's submission to its first token.");
        _perToken = _meter.CreateHistogram<double>(Telemetry.TimePerToken, "s", "Mean time of a token after the first.");
        _queue = _meter.CreateHistogram<double>(Telemetry.QueueTime, "s", "From a request's submission to its prompt pass.");
        _duration = _meter.CreateHistogram<double>(Telemetry.RequestDuration, "s", "From a request's submission to the end of its answers.");
        Gauge(Telemetry.KvBlocks, "Key/value blocks.", host => host.Engine.Statistics.Blocks);
        Gauge(Telemetry.KvBlocksUsed, "Key/value blocks in use.", host => host.Engine.Statistics.UsedBlocks);
        Gauge(Telemetry.EngineRunning, "Sequences in the batch.", host => host.Engine.Statistics.Running);
        Gauge(Telemetry.EngineWaiting, "Requests that wait.", host => host.Engine.Statistics.Waiting);
        _engines.CreateObservableCounter(
            Telemetry.Preemptions, () => bases().Select(host => new Measurement<long>(host.Engine.Statistics.Preemptions, Tags(host))), null, "Requests that had to make room for others.");

        void Gauge(string name, string description, Func<BaseModelHost, int> value) =>
            _engines.CreateObservableGauge(name, () => bases().Select(host => new Measurement<int>(value(host), Tags(host))), null, description);
    }

    /// <summary>Counts a request that has ended.</summary>
    public void Add(GenerationRequest request, string? bank, string task, string? version, AnswerEnd end)
    {
        var tags = new TagList
        {
            { Telemetry.TenantTag, request.Tenant.Text }, { Telemetry.BankTag, bank }, { Telemetry.TaskTag, task }, { Telemetry.VersionTag, version },
        };
        _duration.Record(end.Duration.TotalSeconds, tags);
        if (end.ToFirstToken is { } first)
        {
            _firstToken.Record(first.TotalSeconds, tags);
            _queue.Record(end.Result.Queued.TotalSeconds, tags);
            int more = end.Result.CompletionTokens - end.Result.Ends.Count;
            if (more > 0)
                _perToken.Record(end.Result.Decode.TotalSeconds * end.Result.Ends.Count / more, tags);
        }

        Count("prompt", end.Result.PromptTokens - end.Result.CachedTokens);
        Count("cached", end.Result.CachedTokens);
        Count("completion", end.Result.CompletionTokens);
        TagList outcome = tags;
        outcome.Add(Telemetry.OutcomeTag, Outcome(end.Last));
        _requests.Add(1, outcome);

        void Count(string kind, long tokens)
        {
            TagList of = tags;
            of.Add(Telemetry.KindTag, kind);
            _tokens.Add(tokens, of);
        }
    }

    public void Dispose()
    {
        _meter.Dispose();
        _engines.Dispose();
    }

    private static string Outcome(GenerationEvent? last) => last switch
    {
        GenerationFinished { Reason: FinishReason.Length } => "length",
        GenerationFinished => "stop",
        GenerationFailed failed => failed.Error.Kind.ToString().ToLowerInvariant(),
        _ => "cancelled",
    };

    private static KeyValuePair<string, object?>[] Tags(BaseModelHost host) =>
        [new(Telemetry.BaseModelTag, host.Name), new(Telemetry.DeviceTag, host.Model.Device.Name)];
}
