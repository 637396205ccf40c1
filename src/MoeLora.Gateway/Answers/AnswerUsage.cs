using MoeLora.Contracts;

namespace MoeLora.Gateway.Answers;

/// <summary>Tokens read and generated, as OpenAI spells them.</summary>
internal sealed record AnswerUsage(int PromptTokens, int CompletionTokens, int TotalTokens, PromptTokensDetails PromptTokensDetails)
{
    public static AnswerUsage From(TokenUsage usage) =>
        new(usage.PromptTokens, usage.CompletionTokens, usage.TotalTokens, new PromptTokensDetails(usage.CachedTokens));
}

/// <summary>Tokens of the prompt that were not computed again.</summary>
internal sealed record PromptTokensDetails(int CachedTokens);
