using System.Text.Json.Serialization;
using MoeLora.Gateway.Answers;

namespace MoeLora.Gateway.Chat;

/// <summary>OpenAI's chat completion, with the provenance of the answer.</summary>
/// <param name="Id">The answer's id, <c>chatcmpl-</c> and the request's.</param>
/// <param name="Created">When, in seconds since 1970.</param>
/// <param name="Model">What the request named.</param>
/// <param name="Choices">The answers.</param>
/// <param name="Usage">Tokens.</param>
/// <param name="Provenance">What made the answers.</param>
/// <param name="Timings">How long they took.</param>
internal sealed record ChatResponse(string Id, long Created, string Model, IReadOnlyList<ChatChoice> Choices, AnswerUsage Usage, AnswerProvenance Provenance, AnswerTimings Timings)
{
    /// <summary>Always <c>chat.completion</c>.</summary>
    public string Object => "chat.completion";
}

/// <summary>One answer.</summary>
/// <param name="Index">Which answer.</param>
/// <param name="Message">Its text.</param>
/// <param name="Logprobs">Log probabilities, where they were asked for.</param>
/// <param name="FinishReason"><c>stop</c> or <c>length</c>.</param>
internal sealed record ChatChoice(int Index, ChatAnswer Message, ChatLogProbs? Logprobs, string FinishReason)
{
    /// <summary>Ids of its tokens, where they were asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<int>? TokenIds { get; init; }
}

/// <summary>What the model says.</summary>
/// <param name="Content">The text.</param>
internal sealed record ChatAnswer(string Content)
{
    /// <summary>Always <c>assistant</c>.</summary>
    public string Role => "assistant";

    /// <summary>Always null: part of OpenAI's shape.</summary>
    public string? Refusal => null;
}

/// <summary>One event of a chat's stream.</summary>
/// <param name="Id">The answer's id.</param>
/// <param name="Created">When, in seconds since 1970.</param>
/// <param name="Model">What the request named.</param>
/// <param name="Choices">What is new; none in an event that has the usage.</param>
internal sealed record ChatChunk(string Id, long Created, string Model, IReadOnlyList<ChatChunkChoice> Choices)
{
    /// <summary>Always <c>chat.completion.chunk</c>.</summary>
    public string Object => "chat.completion.chunk";

    /// <summary>Tokens: in a stream only where it was asked for, null in events before the last.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public UsageField? Usage { get; init; }

    /// <summary>What made the answers: in a stream in the last event.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AnswerProvenance? Provenance { get; init; }

    /// <summary>How long they took: in a stream in the last event.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AnswerTimings? Timings { get; init; }
}

/// <summary>What an event adds to an answer.</summary>
/// <param name="Index">Which answer.</param>
/// <param name="Delta">What is new.</param>
/// <param name="Logprobs">Log probabilities, where they were asked for.</param>
/// <param name="FinishReason"><c>stop</c> or <c>length</c> at its end; null before.</param>
internal sealed record ChatChunkChoice(int Index, ChatDelta Delta, ChatLogProbs? Logprobs, string? FinishReason)
{
    /// <summary>Ids of its tokens, where they were asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<int>? TokenIds { get; init; }
}

/// <summary>More of a message.</summary>
/// <param name="Role"><c>assistant</c>, in the first event of an answer.</param>
/// <param name="Content">More text.</param>
internal sealed record ChatDelta(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Role = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Content = null);

/// <summary>Log probabilities in the form of OpenAI's chats.</summary>
/// <param name="Content">Each token.</param>
internal sealed record ChatLogProbs(IReadOnlyList<TokenDetails> Content)
{
    /// <summary>Always null: part of OpenAI's shape.</summary>
    public IReadOnlyList<TokenDetails>? Refusal => null;
}
