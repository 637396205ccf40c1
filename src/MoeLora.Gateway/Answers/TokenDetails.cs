using System.Text.Json.Serialization;
using MoeLora.Contracts;

namespace MoeLora.Gateway.Answers;

/// <summary>A token and how likely it was, in the form of OpenAI's chats.</summary>
/// <param name="Token">Its text.</param>
/// <param name="Logprob">Its log probability.</param>
/// <param name="Bytes">Its bytes in UTF-8; null for a special token.</param>
/// <param name="TokenId">Its id, where ids were asked for.</param>
/// <param name="TopLogprobs">The likeliest instead of it; left out in such an element itself.</param>
internal sealed record TokenDetails(
    string Token,
    double Logprob,
    IReadOnlyList<int>? Bytes,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? TokenId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<TokenDetails>? TopLogprobs)
{
    /// <summary>All tokens of a chunk or an answer, each with its alternatives.</summary>
    public static IReadOnlyList<TokenDetails> From(IReadOnlyList<TokenLogProbs> tokens, bool ids) =>
        [.. tokens.Select(token => Of(token.Chosen, ids) with { TopLogprobs = [.. token.Top.Select(candidate => Of(candidate, ids))] })];

    private static TokenDetails Of(TokenLogProb token, bool ids) => new(
        TokenText.Of(token),
        TokenText.LogProbOf(token),
        token.Bytes.IsEmpty ? null : [.. token.Bytes.ToArray().Select(value => (int)value)],
        ids ? token.TokenId : null,
        null);
}
