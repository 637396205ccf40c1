using MoeLora.Cli.Running;
using MoeLora.Gateway;
using MoeLora.Gateway.Access;
using MoeLora.Models.Prompts;
using MoeLora.Serving.Bases;
using MoeLora.Serving.Nodes;
using MoeLora.Tensors;

namespace MoeLora.Cli.Nodes;

/// <summary>A node's configuration as a file says it; see the README of this room for what each key means.</summary>
internal record NodeSettings
{
    public string Name { get; init; } = "node";

    public required string State { get; init; }

    public string? Database { get; init; }

    public ListenerSettings Public { get; init; } = new() { Urls = ["http://127.0.0.1:8080"] };

    public ListenerSettings? Admin { get; init; } = new() { Urls = ["http://127.0.0.1:8081"] };

    public required IReadOnlyList<BaseSettings> Bases { get; init; }

    public MergingSettings Merging { get; init; } = new();

    public double DrainSeconds { get; init; } = 300;

    public string? AuditKey { get; init; }

    public bool RequireAudit { get; init; } = true;

    public OidcSettings? Oidc { get; init; }

    public string? Otlp { get; init; }

    public int MaxBundleMb { get; init; } = 2048;

    public int LeastFreeMb { get; init; } = 1024;

    public LimitSettings Limits { get; init; } = new();

    /// <summary>All that is wrong with what the serializer could not know.</summary>
    public virtual IEnumerable<string> FindProblems()
    {
        for (int i = 0; i < Bases.Count; i++)
        {
            if (Bases[i].Weights is { } weights && BaseSettings.Format(weights) is null)
                yield return $"bases[{i}].weights: '{weights}' is none of f32, f16, bf16, q8.";
            if (DeviceKinds.FindProblem(Bases[i].Device) is { } device)
                yield return $"bases[{i}].device: {device}.";
            if (!PromptFormats.ByName.ContainsKey(Bases[i].PromptFormat))
                yield return $"bases[{i}].prompt_format: '{Bases[i].PromptFormat}' is none of {string.Join(", ", PromptFormats.ByName.Keys)}.";
            if (!Directory.Exists(Bases[i].Model))
                yield return $"bases[{i}].model: there is no directory '{Bases[i].Model}'.";
        }

        if (Otlp is not null && !Uri.TryCreate(Otlp, UriKind.Absolute, out _))
            yield return $"otlp: '{Otlp}' is no address such as http://collector:4318.";
        if (!(DrainSeconds is > 0 and <= 86_400))
            yield return "drain_seconds: must be above 0 and at most 86400.";
        if (MaxBundleMb is < 1 or > 4095)
            yield return $"max_bundle_mb: must be 1 to 4095, not {MaxBundleMb}: longer ZIP archives have another form.";
        foreach (string problem in Limits.FindProblems())
            yield return problem;
        foreach (string problem in Public.FindProblems("public").Concat(Admin?.FindProblems("admin") ?? []))
            yield return problem;
        if (Oidc?.KeySet is { } keySet && !File.Exists(keySet))
            yield return $"oidc.key_set: there is no file '{keySet}'.";
    }

    public virtual NodeOptions ToNode() => new()
    {
        Name = Name,
        StateDirectory = State,
        Database = Database,
        Bases = [.. Bases.Select(settings => settings.ToBase())],
        Merging = Merging.ToOptions(),
        DrainDeadline = TimeSpan.FromSeconds(DrainSeconds),
        AuditKeyFile = AuditKey,
        RequireAudit = RequireAudit,
        MaxBundleBytes = (long)MaxBundleMb << 20,
        LeastFreeBytes = (long)LeastFreeMb << 20,
        AdminsFromIssuer = Oidc is { Admins: true },
    };

    public GatewayOptions ToGateway() => new()
    {
        Public = Public.ToOptions(),
        Administration = Admin?.ToOptions(),
        Oidc = Oidc?.ToOptions(),
        OtlpEndpoint = Otlp is null ? null : new Uri(Otlp),
        MaxBundleBytes = (long)MaxBundleMb << 20,
        DrainDeadline = TimeSpan.FromSeconds(DrainSeconds),
        MaxRequestBodyBytes = (long)Limits.BodyKb << 10,
        MaxHeaderBytes = Limits.HeaderKb << 10,
        MaxConnections = Limits.Connections,
        HeaderTimeout = TimeSpan.FromSeconds(Limits.HeaderSeconds),
        BodyTimeout = TimeSpan.FromSeconds(Limits.BodySeconds),
        IdleTimeout = TimeSpan.FromSeconds(Limits.IdleSeconds),
    };
}

/// <summary>A base model.</summary>
internal sealed record BaseSettings
{
    public required string Model { get; init; }

    public string? Name { get; init; }

    public string? Weights { get; init; }

    public string Device { get; init; } = DeviceKinds.Cpu;

    public int? Threads { get; init; }

    public int MaxSequences { get; init; } = 32;

    public int QueueLength { get; init; } = 256;

    public int? TenantQueueLength { get; init; }

    public int? KvMemoryMb { get; init; }

    public int StepTokens { get; init; } = 256;

    public string PromptFormat { get; init; } = "plain";

    public bool PrefixCache { get; init; }

    public BaseModelOptions ToBase() => new()
    {
        ModelDirectory = Model,
        Name = Name,
        Weights = Weights is null ? PublishedWeights.FormatOf(Model) : Format(Weights)!.Value,
        Device = Device,
        Threads = Threads,
        MaxSequences = MaxSequences,
        QueueLength = QueueLength,
        TenantQueueLength = TenantQueueLength,
        KvBytes = (long?)KvMemoryMb << 20,
        StepTokens = StepTokens,
        PromptFormat = PromptFormats.ByName[PromptFormat],
        PrefixCache = PrefixCache,
    };

    public static DType? Format(string name) => new[] { DType.F32, DType.F16, DType.BF16, DType.Q8 }.Cast<DType?>().FirstOrDefault(format => format!.Value.Name() == name);
}

/// <summary>Which tasks have recovered weights.</summary>
internal sealed record MergingSettings
{
    public IReadOnlyList<string> Merged { get; init; } = [];

    public bool Auto { get; init; }

    public double Share { get; init; } = 0.9;

    public int? MemoryMb { get; init; }

    public MergingOptions ToOptions() => new() { Merged = Merged, Auto = Auto, Share = Share, MaxBytes = MemoryMb is { } mb ? (long)mb << 20 : long.MaxValue };
}

/// <summary>An issuer of tokens.</summary>
internal sealed record OidcSettings
{
    public required string Issuer { get; init; }

    public required string Audience { get; init; }

    /// <summary>A file.</summary>
    public string? KeySet { get; init; }

    public string TenantClaim { get; init; } = "tenant";

    public string RolesClaim { get; init; } = "roles";

    /// <summary>Whether somebody's tokens have the role admin, so that the node needs no admin's key.</summary>
    public bool Admins { get; init; }

    public OidcOptions ToOptions() => new()
    {
        Issuer = Issuer,
        Audience = Audience,
        KeySet = KeySet is null ? null : File.ReadAllText(KeySet),
        TenantClaim = TenantClaim,
        RolesClaim = RolesClaim,
    };
}
