using MoeLora.Contracts;
using MoeLora.Engine.Constraints;
using MoeLora.Engine.Generation;
using MoeLora.Engine.Sampling;
using MoeLora.Models.Prompts;
using MoeLora.Serving.Bases;

namespace MoeLora.Serving.Requests;

/// <summary>Finds out whether a base model can answer a request, and refuses it with a reason when it cannot.</summary>
internal static class RequestPreparation
{
    // What a double holds exactly, so that a seed survives every JSON reader.
    private const long LargestChosenSeed = 1L << 53;

    /// <summary>All that is wrong with a request by itself, as one error; null when nothing is.</summary>
    public static GridError? FindProblem(GenerationRequest request) =>
        request.FindProblems() is { Count: > 0 } problems ? problems[0] with { Message = string.Join(' ', problems.Select(problem => problem.Message)) } : null;

    /// <summary>Encodes and checks a request that has no problem by itself.</summary>
    /// <param name="host">The base model.</param>
    /// <param name="request">The request.</param>
    /// <param name="mostTokens">What its tenant may ever use at once, prompt and all answers; null for any number. Only trims: it refuses nothing.</param>
    public static GridResult<PreparedRequest> Prepare(BaseModelHost host, GenerationRequest request, int? mostTokens = null)
    {
        if (FindTextProblem(host, request) is { } problem)
            return problem;
        if (!Encode(host, request.Prompt).TryGet(out int[]? prompt, out GridError? error))
            return error;
        int context = host.Model.Config.MaxPositions;
        int left = Math.Min(context - prompt.Length, mostTokens is { } most ? (most - prompt.Length) / request.Answers : int.MaxValue);
        int maxTokens = request.TrimToContext ? Math.Min(request.MaxTokens, Math.Max(1, left)) : request.MaxTokens;
        if ((long)prompt.Length + maxTokens > context)
        {
            string message = prompt.Length < context
                ? $"The model's context is {context} tokens: the prompt has {prompt.Length}, and {maxTokens} more are asked for. Ask for at most {context - prompt.Length}, or shorten the prompt."
                : $"The model's context is {context} tokens: the prompt has {prompt.Length}, which leaves no room for an answer. Shorten it.";
            return new GridError(GridErrorKind.ContextLengthExceeded, message, prompt.Length < context ? "max_tokens" : "prompt");
        }

        if (host.Model.FindPromptProblem(prompt) is { } unusable)
            return new GridError(GridErrorKind.InvalidRequest, unusable, "prompt");
        int vocabulary = host.Model.Config.VocabularySize;
        if (request.StopTokenIds.Any(id => id >= vocabulary))
            return new GridError(GridErrorKind.InvalidRequest, $"'stop_token_ids' must hold ids below {vocabulary}, the model's vocabulary.", "stop_token_ids");
        if (request.Begun.Any(tokens => tokens.Any(id => id < 0 || id >= vocabulary)))
            return new GridError(GridErrorKind.InvalidRequest, $"'begun' must hold ids below {vocabulary}, the model's vocabulary.", "begun");
        ConstraintCompilation? compiled = Compile(host, request.Constraint);
        if (compiled is { Succeeded: false })
            return new GridError(GridErrorKind.InvalidRequest, $"'response_format' cannot be used: {string.Join(" ", compiled.Problems.Select(Describe))}", "response_format");
        return GridResult<PreparedRequest>.Success(new PreparedRequest(prompt, Settings(request, maxTokens, compiled?.Constraint)));
    }

    /// <summary>What a request needs a tokenizer for when there is none.</summary>
    private static GridError? FindTextProblem(BaseModelHost host, GenerationRequest request)
    {
        if (host.Tokenizer.HasTokenizer)
            return null;

        // The reason names the directory, which is no caller's business.
        string why = host.Tokenizer.WhyNone.Replace(host.Directory, host.Name, StringComparison.Ordinal);
        if (request.Prompt is not TokenPrompt)
            return new GridError(GridErrorKind.InvalidRequest, $"Send 'prompt' as token ids: text cannot be encoded. {why}", request.Prompt is ChatPrompt ? "messages" : "prompt");
        if (request.Stop.Count > 0)
            return new GridError(GridErrorKind.InvalidRequest, $"'stop' cannot be used: tokens cannot be decoded to text. {why}", "stop");
        if (request.Constraint is not null)
            return new GridError(GridErrorKind.InvalidRequest, $"'response_format' cannot be used: tokens cannot be decoded to text. {why}", "response_format");
        return request.ReturnTokenIds
            ? null
            : new GridError(GridErrorKind.InvalidRequest, $"Set 'return_token_ids' to true: the answer cannot be decoded to text. {why}", "return_token_ids");
    }

    private static GridResult<int[]> Encode(BaseModelHost host, Prompt prompt)
    {
        switch (prompt)
        {
            case TokenPrompt tokens:
                return GridResult<int[]>.Success([.. tokens.TokenIds]);
            case TextPrompt text:
                return GridResult<int[]>.Success([.. host.Tokenizer.Require().Encode(text.Text)]);
            case ChatPrompt chat:
                Turn[] turns = [.. chat.Messages.Select(message => new Turn(Role(message.Role), message.Text))];
                return host.PromptFormat.FindProblem(turns) is { } problem
                    ? new GridError(GridErrorKind.InvalidRequest, problem, "messages")
                    : GridResult<int[]>.Success([.. host.Tokenizer.Require().Encode(host.PromptFormat.Render(turns))]);
            default:
                throw new ArgumentException("Unknown kind of prompt.", nameof(prompt));
        }
    }

    private static ConstraintCompilation? Compile(BaseModelHost host, OutputConstraint? constraint) => constraint switch
    {
        null => null,
        ChoiceOutput choice => host.Constraints.Choice(choice.Options),
        JsonSchemaOutput json => host.Constraints.JsonSchema(json.Schema),
        JsonObjectOutput => host.Constraints.JsonObject(),
        _ => throw new ArgumentException("Unknown kind of constraint.", nameof(constraint)),
    };

    private static string Describe(ConstraintProblem problem) => problem.Pointer.Length == 0 ? problem.Reason : $"at {problem.Pointer}: {problem.Reason}";

    private static TurnRole Role(ChatRole role) => role switch
    {
        ChatRole.System => TurnRole.System,
        ChatRole.User => TurnRole.User,
        _ => TurnRole.Assistant,
    };

    private static GenerationSettings Settings(GenerationRequest request, int maxTokens, ITokenConstraint? constraint) => new()
    {
        MaxTokens = maxTokens,
        Stop = request.Stop,
        StopTokens = request.StopTokenIds,
        Constraint = constraint,
        Sampling = new SamplingSettings
        {
            Temperature = request.Temperature,
            TopP = request.TopP,
            TopK = request.TopK,
            MinP = request.MinP,
            RepetitionPenalty = request.RepetitionPenalty,
            PresencePenalty = request.PresencePenalty,
            FrequencyPenalty = request.FrequencyPenalty,
            LogProbabilities = request.TopLogProbs,
            Seed = request.Seed ?? Random.Shared.NextInt64(LargestChosenSeed),
        },
    };
}
