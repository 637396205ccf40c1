using System.Text.Json.Serialization;
using MoeLora.Gateway.Answers;

namespace MoeLora.Gateway.Completions;

/// <summary>OpenAI's completion, whole or one chunk of a stream, with the provenance of the answer.</summary>
internal sealed record CompletionResponse(string Id, long Created, string Model, IReadOnlyList<CompletionChoice> Choices)
{
    public string Object => "text_completion";

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public UsageField? Usage { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AnswerProvenance? Provenance { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AnswerTimings? Timings { get; init; }
}

/// <summary>An answer, or the part of it that a chunk brings.</summary>
internal sealed record CompletionChoice(string Text, string? FinishReason, int Index, CompletionLogProbs? Logprobs)
{
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
