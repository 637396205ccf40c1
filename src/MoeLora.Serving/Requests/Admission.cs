using MoeLora.Contracts;
using MoeLora.Engine.Generation;
using MoeLora.Engine.Sampling;
using MoeLora.Serving.Loading;
using MoeLora.Serving.Tasks;

namespace MoeLora.Serving.Requests;

/// <summary>Finds out whether a request can run, and refuses it with a reason when it cannot.</summary>
internal sealed class Admission(LoadedModel loaded, LocalGridOptions options)
{
    // What a double holds exactly, so that a seed survives every JSON reader.
    private const long LargestChosenSeed = 1L << 53;

    public GridResult<AdmittedRequest> Admit(GenerationRequest request)
    {
        if (request.FindProblems() is { Count: > 0 } problems)
            return problems[0] with { Message = string.Join(' ', problems.Select(problem => problem.Message)) };
        if (FindUnoffered(request) is { } unoffered)
            return unoffered;
        if (!loaded.Catalog.Find(request.Model).TryGet(out ServedTask? task, out GridError? error))
            return error;
        if (FindTextProblem(request) is { } problem)
            return problem;

        int[] prompt = request.Prompt switch
        {
            TokenPrompt tokens => [.. tokens.TokenIds],
            TextPrompt text => [.. loaded.Tokenizer.Require().Encode(text.Text)],
            _ => throw new ArgumentException("Unknown kind of prompt.", nameof(request)),
        };
        int context = loaded.Base.Config.MaxPositions;
        int maxTokens = request.TrimToContext ? Math.Min(request.MaxTokens, Math.Max(1, context - prompt.Length)) : request.MaxTokens;
        if ((long)prompt.Length + maxTokens > context)
        {
            string message = prompt.Length < context
                ? $"The model's context is {context} tokens: the prompt has {prompt.Length}, and {maxTokens} more are asked for. Ask for at most {context - prompt.Length}, or shorten the prompt."
                : $"The model's context is {context} tokens: the prompt has {prompt.Length}, which leaves no room for an answer. Shorten it.";
            return new GridError(GridErrorKind.ContextLengthExceeded, message, prompt.Length < context ? "max_tokens" : "prompt");
        }

        if (loaded.Base.FindPromptProblem(prompt) is { } unusable)
            return new GridError(GridErrorKind.InvalidRequest, unusable, "prompt");
        return GridResult<AdmittedRequest>.Success(new AdmittedRequest(task, prompt, Settings(request, maxTokens)));
    }

    /// <summary>What the engine behind this grid cannot do: refused, because an answer without it would be a wrong one.</summary>
    private static GridError? FindUnoffered(GenerationRequest request)
    {
        string? param = request switch
        {
            { Prompt: ChatPrompt } => "messages",
            { Answers: > 1 } => "n",
            { TopLogProbs: not null } => "logprobs",
            { Constraint: not null } => "response_format",
            { MinP: > 0 } => "min_p",
            { PresencePenalty: not 0 } => "presence_penalty",
            { FrequencyPenalty: not 0 } => "frequency_penalty",
            { StopTokenIds.Count: > 0 } => "stop_token_ids",
            _ => null,
        };
        return param is null ? null : new GridError(GridErrorKind.InvalidRequest, $"'{param}' is not offered by this grid: leave it out.", param);
    }

    /// <summary>What a request needs a tokenizer for when there is none.</summary>
    private GridError? FindTextProblem(GenerationRequest request)
    {
        if (loaded.Tokenizer.HasTokenizer)
            return null;

        // The reason names the directory, which is no caller's business.
        string why = loaded.Tokenizer.WhyNone.Replace(options.ModelDirectory, options.ModelName, StringComparison.Ordinal);
        if (request.Prompt is TextPrompt)
            return new GridError(GridErrorKind.InvalidRequest, $"Send 'prompt' as token ids: text cannot be encoded. {why}", "prompt");
        if (request.Stop.Count > 0)
            return new GridError(GridErrorKind.InvalidRequest, $"'stop' cannot be used: tokens cannot be decoded to text. {why}", "stop");
        return request.ReturnTokenIds
            ? null
            : new GridError(GridErrorKind.InvalidRequest, $"Set 'return_token_ids' to true: the answer cannot be decoded to text. {why}", "return_token_ids");
    }

    private static GenerationSettings Settings(GenerationRequest request, int maxTokens) => new()
    {
        MaxTokens = maxTokens,
        Stop = request.Stop,
        Sampling = new SamplingSettings
        {
            Temperature = request.Temperature,
            TopP = request.TopP,
            TopK = request.TopK,
            RepetitionPenalty = request.RepetitionPenalty,
            Seed = request.Seed ?? Random.Shared.NextInt64(LargestChosenSeed),
        },
    };
}
