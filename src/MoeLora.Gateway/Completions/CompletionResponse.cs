using System.Text.Json.Serialization;
using MoeLora.Contracts;
using MoeLora.Gateway.Http;

namespace MoeLora.Gateway.Completions;

/// <summary>OpenAI's completion, whole or one chunk of a stream, with the provenance of the answer.</summary>
internal sealed record CompletionResponse(string Id, long Created, string Model, IReadOnlyList<CompletionChoice> Choices)
{
    public string Object => "text_completion";

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public CompletionUsage? Usage { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public CompletionProvenance? Provenance { get; init; }
}

/// <summary>The answer, or the part of it that a chunk brings.</summary>
internal sealed record CompletionChoice(string Text, string? FinishReason)
{
    public int Index => 0;

    /// <summary>Always null: part of OpenAI's shape, not offered.</summary>
    public object? Logprobs => null;

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<int>? TokenIds { get; init; }
}

/// <summary>Tokens read and generated.</summary>
internal sealed record CompletionUsage(int PromptTokens, int CompletionTokens, int TotalTokens)
{
    public static CompletionUsage From(TokenUsage usage) => new(usage.PromptTokens, usage.CompletionTokens, usage.TotalTokens);
}

/// <summary><see cref="Contracts.Provenance"/> as the interface spells it.</summary>
internal sealed record CompletionProvenance(
    string BaseModelHash,
    string? AdapterHash,
    string? Task,
    int? TaskId,
    IReadOnlyList<IReadOnlyList<float>> GateWeights,
    string Mode,
    string Device,
    long Seed,
    string WeightsFormat)
{
    public static CompletionProvenance From(Provenance provenance) => new(
        provenance.BaseModelHash,
        provenance.AdapterHash,
        provenance.Task,
        provenance.TaskId,
        provenance.GateWeights,
        Wire.Name(provenance.Mode),
        provenance.Device,
        provenance.Seed,
        provenance.WeightsFormat);
}
