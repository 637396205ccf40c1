using System.Text.Json.Serialization;
using MoeLora.Gateway.Answers;

namespace MoeLora.Gateway.Chat;

/// <summary>OpenAI's chat completion, with the provenance of the answer.</summary>
internal sealed record ChatResponse(string Id, long Created, string Model, IReadOnlyList<ChatChoice> Choices, AnswerUsage Usage, AnswerProvenance Provenance, AnswerTimings Timings)
{
    public string Object => "chat.completion";
}

/// <summary>One answer.</summary>
internal sealed record ChatChoice(int Index, ChatAnswer Message, ChatLogProbs? Logprobs, string FinishReason)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<int>? TokenIds { get; init; }
}

/// <summary>What the model says.</summary>
internal sealed record ChatAnswer(string Content)
{
    public string Role => "assistant";

    /// <summary>Always null: part of OpenAI's shape.</summary>
    public string? Refusal => null;
}

/// <summary>One event of a chat's stream.</summary>
internal sealed record ChatChunk(string Id, long Created, string Model, IReadOnlyList<ChatChunkChoice> Choices)
{
    public string Object => "chat.completion.chunk";

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public UsageField? Usage { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AnswerProvenance? Provenance { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AnswerTimings? Timings { get; init; }
}

/// <summary>What an event adds to an answer.</summary>
internal sealed record ChatChunkChoice(int Index, ChatDelta Delta, ChatLogProbs? Logprobs, string? FinishReason)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<int>? TokenIds { get; init; }
}

/// <summary>More of a message.</summary>
internal sealed record ChatDelta(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Role = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Content = null);

/// <summary>Log probabilities in the form of OpenAI's chats.</summary>
internal sealed record ChatLogProbs(IReadOnlyList<TokenDetails> Content)
{
    /// <summary>Always null: part of OpenAI's shape.</summary>
    public IReadOnlyList<TokenDetails>? Refusal => null;
}
