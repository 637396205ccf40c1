using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Grid.Messages;

/// <summary>A <see cref="GenerationRequest"/> between silos. Prints without prompt and stop strings.</summary>
[GenerateSerializer, Immutable, Alias("moelora.request")]
public sealed record RequestMessage
{
    /// <inheritdoc cref="GenerationRequest.Tenant"/>
    [Id(0)]
    public required string Tenant { get; init; }

    /// <inheritdoc cref="GenerationRequest.Subject"/>
    [Id(1)]
    public string? Subject { get; init; }

    /// <inheritdoc cref="GenerationRequest.RequestId"/>
    [Id(2)]
    public string? RequestId { get; init; }

    /// <inheritdoc cref="GenerationRequest.Model"/>
    [Id(3)]
    public required string Model { get; init; }

    /// <summary>A text prompt; null for another kind.</summary>
    [Id(4)]
    public string? Text { get; init; }

    /// <summary>A prompt as token ids; null for another kind.</summary>
    [Id(5)]
    public int[]? TokenIds { get; init; }

    /// <summary>A conversation; null for another kind.</summary>
    [Id(6)]
    public (ChatRole Role, string Text)[]? Chat { get; init; }

    /// <inheritdoc cref="GenerationRequest.MaxTokens"/>
    [Id(7)]
    public int MaxTokens { get; init; }

    /// <inheritdoc cref="GenerationRequest.TrimToContext"/>
    [Id(8)]
    public bool TrimToContext { get; init; }

    /// <summary>Temperature, top-p, min-p, and the repetition, presence and frequency penalties.</summary>
    [Id(9)]
    public double[] Sampling { get; init; } = [];

    /// <inheritdoc cref="GenerationRequest.TopK"/>
    [Id(10)]
    public int TopK { get; init; }

    /// <inheritdoc cref="GenerationRequest.Answers"/>
    [Id(11)]
    public int Answers { get; init; }

    /// <inheritdoc cref="GenerationRequest.TopLogProbs"/>
    [Id(12)]
    public int? TopLogProbs { get; init; }

    /// <summary>The options of a choice; null for another constraint.</summary>
    [Id(13)]
    public string[]? Choices { get; init; }

    /// <summary>A JSON Schema; the empty text is any JSON object; null for another constraint.</summary>
    [Id(14)]
    public string? JsonSchema { get; init; }

    /// <inheritdoc cref="GenerationRequest.Seed"/>
    [Id(15)]
    public long? Seed { get; init; }

    /// <inheritdoc cref="GenerationRequest.Stop"/>
    [Id(16)]
    public string[] Stop { get; init; } = [];

    /// <inheritdoc cref="GenerationRequest.StopTokenIds"/>
    [Id(17)]
    public int[] StopTokenIds { get; init; } = [];

    /// <inheritdoc cref="GenerationRequest.Begun"/>
    [Id(18)]
    public int[][] Begun { get; init; } = [];

    /// <inheritdoc cref="GenerationRequest.ReturnTokenIds"/>
    [Id(19)]
    public bool ReturnTokenIds { get; init; }

    internal static RequestMessage Of(GenerationRequest request) => new()
    {
        Tenant = request.Tenant.Text,
        Subject = request.Subject,
        RequestId = request.RequestId,
        Model = request.Model.Text,
        Text = (request.Prompt as TextPrompt)?.Text,
        TokenIds = (request.Prompt as TokenPrompt)?.TokenIds.ToArray(),
        Chat = (request.Prompt as ChatPrompt)?.Messages.Select(message => (message.Role, message.Text)).ToArray(),
        MaxTokens = request.MaxTokens,
        TrimToContext = request.TrimToContext,
        Sampling = [request.Temperature, request.TopP, request.MinP, request.RepetitionPenalty, request.PresencePenalty, request.FrequencyPenalty],
        TopK = request.TopK,
        Answers = request.Answers,
        TopLogProbs = request.TopLogProbs,
        Choices = (request.Constraint as ChoiceOutput)?.Options.ToArray(),
        JsonSchema = request.Constraint switch { JsonSchemaOutput schema => schema.Schema, JsonObjectOutput => "", _ => null },
        Seed = request.Seed,
        Stop = [.. request.Stop],
        StopTokenIds = [.. request.StopTokenIds],
        Begun = [.. request.Begun.Select(tokens => tokens.ToArray())],
        ReturnTokenIds = request.ReturnTokenIds,
    };

    internal GenerationRequest ToRequest() => new()
    {
        Tenant = TenantId.Parse(Tenant),
        Subject = Subject,
        RequestId = RequestId,
        Model = ModelRef.Parse(Model),
        Prompt = Text is not null ? new TextPrompt(Text)
            : TokenIds is not null ? new TokenPrompt(TokenIds)
            : new ChatPrompt([.. Chat!.Select(message => new ChatMessage(message.Role, message.Text))]),
        MaxTokens = MaxTokens,
        TrimToContext = TrimToContext,
        Temperature = Sampling[0],
        TopP = Sampling[1],
        MinP = Sampling[2],
        RepetitionPenalty = Sampling[3],
        PresencePenalty = Sampling[4],
        FrequencyPenalty = Sampling[5],
        TopK = TopK,
        Answers = Answers,
        TopLogProbs = TopLogProbs,
        Constraint = Choices is not null ? new ChoiceOutput(Choices) : JsonSchema switch { null => null, "" => new JsonObjectOutput(), _ => new JsonSchemaOutput(JsonSchema) },
        Seed = Seed,
        Stop = Stop,
        StopTokenIds = StopTokenIds,
        Begun = Begun,
        ReturnTokenIds = ReturnTokenIds,
    };

    /// <summary>Sizes only.</summary>
    public override string ToString() => $"{Model}: at most {MaxTokens} more";
}
