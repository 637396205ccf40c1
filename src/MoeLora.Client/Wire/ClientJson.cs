using System.Text.Json.Serialization;
using MoeLora.Contracts;

namespace MoeLora.Client.Wire;

/// <summary>What the gateway sends, as far as it is read here.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectRequiredConstructorParameters = false)]
[JsonSerializable(typeof(WireEvent))]
[JsonSerializable(typeof(WireModelList))]
internal sealed partial class ClientJson : JsonSerializerContext;

/// <summary>An event of a stream, of completions and chats alike, or the body of a failure.</summary>
internal sealed record WireEvent(
    IReadOnlyList<WireChoice>? Choices, WireUsage? Usage, WireProvenance? Provenance, WireTimings? Timings, WireError? Error);

internal sealed record WireChoice(int Index, string? Text, WireDelta? Delta, string? FinishReason, IReadOnlyList<int>? TokenIds, WireLogProbs? Logprobs);

internal sealed record WireDelta(string? Content);

internal sealed record WireLogProbs(IReadOnlyList<WireToken>? Content);

internal sealed record WireToken(double Logprob, IReadOnlyList<int>? Bytes, int TokenId, IReadOnlyList<WireToken>? TopLogprobs)
{
    public TokenLogProbs ToLogProbs() => new(ToLogProb(), [.. (TopLogprobs ?? []).Select(candidate => candidate.ToLogProb())]);

    private TokenLogProb ToLogProb() => new(TokenId, Bytes is null ? default : Bytes.Select(value => (byte)value).ToArray(), Logprob);
}

internal sealed record WireUsage(int PromptTokens, int CompletionTokens, WirePromptDetails? PromptTokensDetails)
{
    public TokenUsage ToUsage() => new(PromptTokens, CompletionTokens, PromptTokensDetails?.CachedTokens ?? 0);
}

internal sealed record WirePromptDetails(int CachedTokens);

internal sealed record WireTimings(double QueuedSeconds, double PrefillSeconds, double DecodeSeconds, int DecodedTokens)
{
    public GenerationTimings ToTimings() =>
        new(TimeSpan.FromSeconds(QueuedSeconds), TimeSpan.FromSeconds(PrefillSeconds), TimeSpan.FromSeconds(DecodeSeconds), DecodedTokens);
}

internal sealed record WireProvenance(
    string BaseModelHash, string? AdapterHash, string? Bank, string? Version, string? Task, int? TaskId, IReadOnlyList<IReadOnlyList<float>>? GateWeights,
    string Mode, string Device, string? Node, long Seed, string WeightsFormat, IReadOnlyList<WireEarlierPart>? Earlier)
{
    public Provenance ToProvenance() => new()
    {
        BaseModelHash = BaseModelHash,
        AdapterHash = AdapterHash,
        Bank = Bank,
        Version = Version,
        Task = Task,
        TaskId = TaskId,
        GateWeights = GateWeights ?? [],
        Mode = WireModel.ModeOf(Mode),
        Device = Device,
        Node = Node ?? "local",
        Seed = Seed,
        WeightsFormat = WeightsFormat,
        Earlier = Earlier is null ? [] : [.. Earlier.Select(part => new EarlierPart(part.Node, WireModel.ModeOf(part.Mode), part.Device, part.Tokens))],
    };
}

internal sealed record WireEarlierPart(string Node, string Mode, string Device, int Tokens);

internal sealed record WireError(string Message, string? Param, string? Code);

internal sealed record WireModelList(IReadOnlyList<WireModel> Data);

internal sealed record WireModel(string Id, long Created, int? TaskId, string? Bank, string? Version, string BaseModel, string Mode, int ContextLength)
{
    public static ServingMode ModeOf(string text) => text switch
    {
        "base" => ServingMode.Base,
        "merged" => ServingMode.Merged,
        "shared" => ServingMode.Shared,
        _ => throw new System.Text.Json.JsonException(),
    };

    public ModelDescription ToDescription() => new(Id, TaskId, BaseModel, ModeOf(Mode), ContextLength, DateTimeOffset.FromUnixTimeSeconds(Created)) { Bank = Bank, Version = Version };
}
