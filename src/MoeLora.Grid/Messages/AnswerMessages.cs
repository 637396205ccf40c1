using MoeLora.Contracts;

namespace MoeLora.Grid.Messages;

/// <summary>A <see cref="GridError"/> between silos.</summary>
[GenerateSerializer, Immutable, Alias("moelora.error")]
public sealed record ErrorMessage([property: Id(0)] GridErrorKind Kind, [property: Id(1)] string Text, [property: Id(2)] string? Param, [property: Id(3)] TimeSpan? RetryAfter)
{
    internal static ErrorMessage Of(GridError error) => new(error.Kind, error.Message, error.Param, error.RetryAfter);

    internal GridError ToError() => new(Kind, Text, Param, RetryAfter);
}

/// <summary>A <see cref="GenerationStarted"/> between silos.</summary>
/// <param name="Provenance">What makes the answers.</param>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="Silo">The silo that answers, by its address; null where it does not say so.</param>
[GenerateSerializer, Immutable, Alias("moelora.started")]
public sealed record StartedMessage([property: Id(0)] ProvenanceMessage Provenance, [property: Id(1)] int PromptTokens, [property: Id(2)] string? Silo)
{
    internal static StartedMessage Of(GenerationStarted started, string? silo) => new(ProvenanceMessage.Of(started.Provenance), started.PromptTokens, silo);

    internal GenerationStarted ToEvent() => new(Provenance.ToProvenance(), PromptTokens);
}

/// <summary>A <see cref="GenerationFinished"/> between silos.</summary>
[GenerateSerializer, Immutable, Alias("moelora.finished")]
public sealed record FinishedMessage
{
    /// <summary>By answer.</summary>
    [Id(0)]
    public required FinishReason[] Reasons { get; init; }

    /// <summary>Tokens read, generated, and found in the cache.</summary>
    [Id(1)]
    public required (int Prompt, int Completion, int Cached) Usage { get; init; }

    /// <summary>Queued, prefill, decode, and tokens of the decode.</summary>
    [Id(2)]
    public required (TimeSpan Queued, TimeSpan Prefill, TimeSpan Decode, int Tokens) Timings { get; init; }

    /// <summary>What made it.</summary>
    [Id(3)]
    public required ProvenanceMessage Provenance { get; init; }

    internal static FinishedMessage Of(GenerationFinished finished) => new()
    {
        Reasons = [.. finished.Reasons],
        Usage = (finished.Usage.PromptTokens, finished.Usage.CompletionTokens, finished.Usage.CachedTokens),
        Timings = (finished.Timings.Queued, finished.Timings.Prefill, finished.Timings.Decode, finished.Timings.DecodedTokens),
        Provenance = ProvenanceMessage.Of(finished.Provenance),
    };

    internal GenerationFinished ToEvent() => new(
        Reasons, new TokenUsage(Usage.Prompt, Usage.Completion, Usage.Cached), new GenerationTimings(Timings.Queued, Timings.Prefill, Timings.Decode, Timings.Tokens), Provenance.ToProvenance());
}

/// <summary>A <see cref="Contracts.Provenance"/> between silos.</summary>
[GenerateSerializer, Immutable, Alias("moelora.provenance")]
public sealed record ProvenanceMessage
{
    /// <inheritdoc cref="Provenance.BaseModelHash"/>
    [Id(0)]
    public required string BaseModelHash { get; init; }

    /// <inheritdoc cref="Provenance.AdapterHash"/>
    [Id(1)]
    public string? AdapterHash { get; init; }

    /// <inheritdoc cref="Provenance.Bank"/>
    [Id(2)]
    public string? Bank { get; init; }

    /// <inheritdoc cref="Provenance.Version"/>
    [Id(3)]
    public string? Version { get; init; }

    /// <inheritdoc cref="Provenance.Task"/>
    [Id(4)]
    public string? Task { get; init; }

    /// <inheritdoc cref="Provenance.TaskId"/>
    [Id(5)]
    public int? TaskId { get; init; }

    /// <inheritdoc cref="Provenance.GateWeights"/>
    [Id(6)]
    public required float[][] GateWeights { get; init; }

    /// <inheritdoc cref="Provenance.Mode"/>
    [Id(7)]
    public required ServingMode Mode { get; init; }

    /// <inheritdoc cref="Provenance.Device"/>
    [Id(8)]
    public required string Device { get; init; }

    /// <inheritdoc cref="Provenance.Node"/>
    [Id(9)]
    public required string Node { get; init; }

    /// <inheritdoc cref="Provenance.Seed"/>
    [Id(10)]
    public required long Seed { get; init; }

    /// <inheritdoc cref="Provenance.WeightsFormat"/>
    [Id(11)]
    public required string WeightsFormat { get; init; }

    internal static ProvenanceMessage Of(Provenance provenance) => new()
    {
        BaseModelHash = provenance.BaseModelHash,
        AdapterHash = provenance.AdapterHash,
        Bank = provenance.Bank,
        Version = provenance.Version,
        Task = provenance.Task,
        TaskId = provenance.TaskId,
        GateWeights = [.. provenance.GateWeights.Select(row => row.ToArray())],
        Mode = provenance.Mode,
        Device = provenance.Device,
        Node = provenance.Node,
        Seed = provenance.Seed,
        WeightsFormat = provenance.WeightsFormat,
    };

    internal Provenance ToProvenance() => new()
    {
        BaseModelHash = BaseModelHash,
        AdapterHash = AdapterHash,
        Bank = Bank,
        Version = Version,
        Task = Task,
        TaskId = TaskId,
        GateWeights = GateWeights,
        Mode = Mode,
        Device = Device,
        Node = Node,
        Seed = Seed,
        WeightsFormat = WeightsFormat,
    };
}

/// <summary>A <see cref="TokenLogProbs"/> between silos: the chosen token first, then the likeliest.</summary>
[GenerateSerializer, Immutable, Alias("moelora.logprobs")]
public sealed record LogProbsMessage([property: Id(0)] int[] Tokens, [property: Id(1)] byte[][] Bytes, [property: Id(2)] double[] LogProbs)
{
    internal static LogProbsMessage Of(TokenLogProbs probabilities)
    {
        TokenLogProb[] all = [probabilities.Chosen, .. probabilities.Top];
        return new LogProbsMessage([.. all.Select(one => one.TokenId)], [.. all.Select(one => one.Bytes.ToArray())], [.. all.Select(one => one.LogProb)]);
    }

    internal TokenLogProbs ToLogProbs()
    {
        TokenLogProb[] all = [.. Tokens.Select((token, i) => new TokenLogProb(token, Bytes[i], LogProbs[i]))];
        return new TokenLogProbs(all[0], all[1..]);
    }

    /// <summary>The number of alternatives, never the tokens.</summary>
    public override string ToString() => $"{Tokens.Length - 1} alternatives";
}
