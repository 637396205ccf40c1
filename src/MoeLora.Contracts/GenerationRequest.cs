using MoeLora.Contracts.Tenants;

namespace MoeLora.Contracts;

/// <summary>One prompt to continue, and how. Prints without prompt and stop strings.</summary>
public sealed record GenerationRequest
{
    /// <summary>Most stop strings in a request.</summary>
    public const int MaxStopStrings = 4;

    /// <summary>Most ids that end an answer.</summary>
    public const int MaxStopTokenIds = 16;

    /// <summary>Most answers to one prompt.</summary>
    public const int MaxAnswers = 16;

    /// <summary>Most alternatives of a token whose log probabilities can be asked for.</summary>
    public const int MaxTopLogProbs = 20;

    /// <summary>For whom the grid answers: whose limits and whose share count.</summary>
    public TenantId Tenant { get; init; } = TenantId.Local;

    /// <summary>Which key or user asks, for the audit trail; null inside the process.</summary>
    public string? Subject { get; init; }

    /// <summary>The id under which the caller knows this request, for the audit trail; null for none.</summary>
    public string? RequestId { get; init; }

    /// <summary>The task to answer as.</summary>
    public required ModelRef Model { get; init; }

    /// <summary>What to continue.</summary>
    public required Prompt Prompt { get; init; }

    /// <summary>Most tokens to generate, at least 1. Prompt and this together must fit the model's context.</summary>
    public int MaxTokens { get; init; } = 16;

    /// <summary>
    /// Lowers <see cref="MaxTokens"/> to what the context, and what the tenant may ever use at once, leave beside the prompt, where it would be refused otherwise.
    /// </summary>
    public bool TrimToContext { get; init; }

    /// <summary>0 takes the likeliest token each time; above, logits are divided by it before the draw. 0 to 2.</summary>
    public double Temperature { get; init; }

    /// <summary>Draws from the smallest set of likeliest tokens whose probabilities reach this. Above 0, up to 1; 1 is off.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Draws from this many likeliest tokens; 0 is off.</summary>
    public int TopK { get; init; }

    /// <summary>
    /// Divides the positive and multiplies the negative logits of tokens that the prompt or the answer already holds
    /// (arXiv 1909.05858, section 4.1). Above 0; 1 is off.
    /// </summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>Keeps only tokens at least this many times as likely as the likeliest (arXiv 2407.01082). 0 to 1; 0 is off.</summary>
    public double MinP { get; init; }

    /// <summary>Subtracted from the logit of every token that the answer already holds. −2 to 2; 0 is off.</summary>
    public double PresencePenalty { get; init; }

    /// <summary>Subtracted from a token's logit once for each time that the answer already holds it. −2 to 2; 0 is off.</summary>
    public double FrequencyPenalty { get; init; }

    /// <summary>Answers to generate, 1 to <see cref="MaxAnswers"/>. The first draws with <see cref="Seed"/>, the others with seeds made from it.</summary>
    public int Answers { get; init; } = 1;

    /// <summary>Alternatives of each token to report with their log probabilities, 0 (the chosen one only) to <see cref="MaxTopLogProbs"/>; null reports none.</summary>
    public int? TopLogProbs { get; init; }

    /// <summary>What the answer must look like; null for anything.</summary>
    public OutputConstraint? Constraint { get; init; }

    /// <summary>Makes the draws repeatable; null lets the grid choose one, which the provenance then names.</summary>
    public long? Seed { get; init; }

    /// <summary>Texts that end the answer; none becomes part of it. At most <see cref="MaxStopStrings"/>, none empty.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>Token ids that end the answer besides the model's own; none becomes part of its text. At most <see cref="MaxStopTokenIds"/>.</summary>
    public IReadOnlyList<int> StopTokenIds { get; init; } = [];

    /// <summary>
    /// The tokens that each answer has already, where a grid continues on another node what broke off on one: they are not given again, and what follows is what would
    /// have followed. It needs the version and the <see cref="Seed"/> that began the answers. One list for each answer; empty where nothing has begun.
    /// </summary>
    public IReadOnlyList<IReadOnlyList<int>> Begun { get; init; } = [];

    /// <summary>Whether the caller reads token ids. A model without a tokenizer can answer only then.</summary>
    public bool ReturnTokenIds { get; init; }

    /// <summary>
    /// Everything that is wrong with the request by itself, whatever the model; empty when nothing is. <see cref="GridError.Param"/>
    /// names the value in the spelling of the HTTP interface.
    /// </summary>
    public IReadOnlyList<GridError> FindProblems()
    {
        var problems = new List<GridError>();
        if (Model.Text.Length == 0)
            Refuse("model", "must not be empty");
        switch (Prompt)
        {
            case TextPrompt { Text: "" }:
                Refuse("prompt", "must not be empty");
                break;
            case TokenPrompt { TokenIds.Count: 0 }:
                Refuse("prompt", "must hold at least one token");
                break;
            case TokenPrompt tokens when tokens.TokenIds.Any(id => id < 0):
                Refuse("prompt", "must hold token ids of 0 or more");
                break;
            case ChatPrompt { Messages.Count: 0 }:
                Refuse("messages", "must hold at least one message");
                break;
            case ChatPrompt chat when chat.Messages[^1].Role == ChatRole.Assistant:
                Refuse("messages", "must end with a message of the user or the system: that is what the model answers");
                break;
        }

        if (MaxTokens < 1)
            Refuse("max_tokens", "must be at least 1");
        if (!(Temperature is >= 0 and <= 2))
            Refuse("temperature", "must be between 0 and 2");
        if (!(TopP is > 0 and <= 1))
            Refuse("top_p", "must be above 0 and at most 1");
        if (TopK < 0)
            Refuse("top_k", "must be 0 (off) or more");
        if (!(RepetitionPenalty > 0 && double.IsFinite(RepetitionPenalty)))
            Refuse("repetition_penalty", "must be a finite number above 0");
        if (!(MinP is >= 0 and <= 1))
            Refuse("min_p", "must be between 0 and 1");
        if (!(PresencePenalty is >= -2 and <= 2))
            Refuse("presence_penalty", "must be between -2 and 2");
        if (!(FrequencyPenalty is >= -2 and <= 2))
            Refuse("frequency_penalty", "must be between -2 and 2");
        if (Answers is < 1 or > MaxAnswers)
            Refuse("n", $"must be between 1 and {MaxAnswers}");
        if (TopLogProbs is < 0 or > MaxTopLogProbs)
            Refuse("top_logprobs", $"must be between 0 and {MaxTopLogProbs}");
        if (StopTokenIds.Count > MaxStopTokenIds)
            Refuse("stop_token_ids", $"must hold at most {MaxStopTokenIds} ids");
        if (StopTokenIds.Any(id => id < 0))
            Refuse("stop_token_ids", "must hold ids of 0 or more");
        if (Constraint is ChoiceOutput choice)
        {
            if (choice.Options.Count is 0 or > ChoiceOutput.MaxOptions)
                Refuse("response_format", $"must hold 1 to {ChoiceOutput.MaxOptions} choices");
            if (choice.Options.Any(string.IsNullOrEmpty))
                Refuse("response_format", "must not hold an empty choice");
        }

        if (Begun.Count > 0 && (Begun.Count != Answers || Begun.Any(tokens => tokens.Count > MaxTokens)))
            Refuse("begun", $"must hold one list of at most {MaxTokens} tokens for each of {Answers} answers");
        if (Begun.Count > 0 && Seed is null && Temperature > 0)
            Refuse("seed", "must be the one that began the answers that are continued");
        if (Stop.Count > MaxStopStrings)
            Refuse("stop", $"must hold at most {MaxStopStrings} strings");
        if (Stop.Any(string.IsNullOrEmpty))
            Refuse("stop", "must not hold an empty string");
        return problems;

        void Refuse(string param, string problem) => problems.Add(new GridError(GridErrorKind.InvalidRequest, $"'{param}' {problem}.", param));
    }

    /// <summary>The request without its texts.</summary>
    public override string ToString() => $"{Model}: {Prompt}, at most {MaxTokens} more";
}
