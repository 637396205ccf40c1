using System.Text.Json.Serialization;
using MoeLora.Gateway.Answers;

namespace MoeLora.Gateway.Completions;

/// <summary>OpenAI's completion, whole or one chunk of a stream, with the provenance of the answer.</summary>
/// <param name="Id">The answer's id, <c>cmpl-</c> and the request's.</param>
/// <param name="Created">When, in seconds since 1970.</param>
/// <param name="Model">What the request named.</param>
/// <param name="Choices">The answers, or what is new of them.</param>
internal sealed record CompletionResponse(string Id, long Created, string Model, IReadOnlyList<CompletionChoice> Choices)
{
    /// <summary>Always <c>text_completion</c>.</summary>
    public string Object => "text_completion";

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

/// <summary>An answer, or the part of it that a chunk brings.</summary>
/// <param name="Text">The text, or more of it.</param>
/// <param name="FinishReason"><c>stop</c> or <c>length</c>; null before an answer's end.</param>
/// <param name="Index">Which answer.</param>
/// <param name="Logprobs">Log probabilities, where they were asked for.</param>
internal sealed record CompletionChoice(string Text, string? FinishReason, int Index, CompletionLogProbs? Logprobs)
{
    /// <summary>Ids of its tokens, where they were asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<int>? TokenIds { get; init; }
}

/// <summary>Log probabilities in the form of OpenAI's completions: four lists, an element for each token.</summary>
/// <param name="Tokens">The tokens' texts.</param>
/// <param name="TokenLogprobs">Their log probabilities.</param>
/// <param name="TopLogprobs">The likeliest tokens instead of each, the chosen one among them.</param>
/// <param name="TextOffset">How many characters (code points) of the answer come before each.</param>
internal sealed record CompletionLogProbs(
    IReadOnlyList<string> Tokens,
    IReadOnlyList<double> TokenLogprobs,
    IReadOnlyList<IReadOnlyDictionary<string, double>> TopLogprobs,
    IReadOnlyList<int> TextOffset)
{
    /// <summary>The same in the form of chats, with ids; only where ids were asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<TokenDetails>? Content { get; init; }
}
