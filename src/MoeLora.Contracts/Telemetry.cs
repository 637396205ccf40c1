namespace MoeLora.Contracts;

/// <summary>
/// Names of what is measured. Whoever measures makes a meter whose name begins with <see cref="MeterPrefix"/>; the gateway shows all
/// of their instruments. Times are in seconds. No tag ever holds a prompt, an answer, a key, or text that a caller made up.
/// </summary>
public static class Telemetry
{
    /// <summary>How the names of all meters begin.</summary>
    public const string MeterPrefix = "MoeLora";

    /// <summary>The meter of the gateway.</summary>
    public const string GatewayMeter = "MoeLora.Gateway";

    /// <summary>The meter of the engines.</summary>
    public const string EngineMeter = "MoeLora.Engine";

    /// <summary>The meter of adapters, tenants and the audit trail.</summary>
    public const string ServingMeter = "MoeLora.Serving";

    /// <summary>The source of spans.</summary>
    public const string ActivitySource = "MoeLora";

    /// <summary>Counter: answers, by tenant, bank, task, version and <see cref="OutcomeTag"/>.</summary>
    public const string Requests = "moelora.requests";

    /// <summary>Counter: tokens, by tenant, bank, task, version and <see cref="KindTag"/> (prompt, cached, completion).</summary>
    public const string Tokens = "moelora.tokens";

    /// <summary>Histogram, s: from the request's arrival to its first token; by tenant, bank, task, version.</summary>
    public const string TimeToFirstToken = "moelora.request.time_to_first_token";

    /// <summary>Histogram, s: mean time of a token after the first; by tenant, bank, task, version.</summary>
    public const string TimePerToken = "moelora.request.time_per_token";

    /// <summary>Histogram, s: from admission to the prompt pass; by tenant, bank, task, version.</summary>
    public const string QueueTime = "moelora.request.queue_time";

    /// <summary>Histogram, s: the whole answer; by tenant, bank, task, version.</summary>
    public const string RequestDuration = "moelora.request.duration";

    /// <summary>Up-down counter: answers that run or wait, as the gateway sees them.</summary>
    public const string RequestsRunning = "moelora.requests.running";

    /// <summary>Counter: HTTP answers, by route and status.</summary>
    public const string HttpRequests = "moelora.http.requests";

    /// <summary>Counter: callers turned away, by reason.</summary>
    public const string AccessDenied = "moelora.access.denied";

    /// <summary>Gauge: key/value blocks in all, by base model and device.</summary>
    public const string KvBlocks = "moelora.engine.kv_blocks";

    /// <summary>Gauge: key/value blocks in use, by base model and device.</summary>
    public const string KvBlocksUsed = "moelora.engine.kv_blocks_used";

    /// <summary>Gauge: sequences in the batch, by base model and device.</summary>
    public const string EngineRunning = "moelora.engine.running";

    /// <summary>Gauge: sequences that wait, by base model and device.</summary>
    public const string EngineWaiting = "moelora.engine.waiting";

    /// <summary>Counter: sequences put back to wait because blocks ran out, by base model and device.</summary>
    public const string Preemptions = "moelora.engine.preemptions";

    /// <summary>Histogram, s: one step of the engine, by base model and device.</summary>
    public const string StepTime = "moelora.engine.step_time";

    /// <summary>Histogram, s: loading and proving a version that became ready, by bank and version.</summary>
    public const string LoadTime = "moelora.rollout.load_time";

    /// <summary>Histogram, s: from a version in memory to new requests on it, the alias written and shown; by bank and version.</summary>
    public const string SwapTime = "moelora.rollout.swap_time";

    /// <summary>Histogram, s: from the last new request of a version to its last answer, by bank and version.</summary>
    public const string DrainTime = "moelora.rollout.drain_time";

    /// <summary>Counter: records of the audit trail, by action.</summary>
    public const string AuditRecords = "moelora.audit.records";

    /// <summary>Tag: the tenant.</summary>
    public const string TenantTag = "tenant";

    /// <summary>Tag: the bank.</summary>
    public const string BankTag = "bank";

    /// <summary>Tag: the task's name, or its id where it has none.</summary>
    public const string TaskTag = "task";

    /// <summary>Tag: the adapter version.</summary>
    public const string VersionTag = "version";

    /// <summary>Tag: how it ended: stop, length, cancelled, or an error's code.</summary>
    public const string OutcomeTag = "outcome";

    /// <summary>Tag: which kind of token.</summary>
    public const string KindTag = "kind";

    /// <summary>Tag: the base model's name.</summary>
    public const string BaseModelTag = "base_model";

    /// <summary>Tag: the device.</summary>
    public const string DeviceTag = "device";

    /// <summary>Tag: the route's pattern.</summary>
    public const string RouteTag = "route";

    /// <summary>Tag: the HTTP status.</summary>
    public const string StatusTag = "status";

    /// <summary>Tag: why.</summary>
    public const string ReasonTag = "reason";

    /// <summary>Tag: an audit record's action.</summary>
    public const string ActionTag = "action";
}
