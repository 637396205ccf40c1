using MoeLora.Contracts;

namespace MoeLora.Gateway.Answers;

/// <summary>Tokens read and generated, as OpenAI spells them.</summary>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="CompletionTokens">Tokens generated, end tokens included.</param>
/// <param name="TotalTokens">Both together.</param>
/// <param name="PromptTokensDetails">More of the prompt.</param>
internal sealed record AnswerUsage(int PromptTokens, int CompletionTokens, int TotalTokens, PromptTokensDetails PromptTokensDetails)
{
    public static AnswerUsage From(TokenUsage usage) =>
        new(usage.PromptTokens, usage.CompletionTokens, usage.TotalTokens, new PromptTokensDetails(usage.CachedTokens));
}

/// <summary>Tokens of the prompt that were not computed again.</summary>
/// <param name="CachedTokens">Those of the prompt whose keys and values were there already.</param>
internal sealed record PromptTokensDetails(int CachedTokens);
