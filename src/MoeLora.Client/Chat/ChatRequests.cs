using Microsoft.Extensions.AI;
using MoeLora.Contracts;
using AiMessage = Microsoft.Extensions.AI.ChatMessage;
using AiRole = Microsoft.Extensions.AI.ChatRole;

namespace MoeLora.Client.Chat;

/// <summary>Messages and options of Microsoft.Extensions.AI as a grid's request. What has no counterpart is refused, never dropped.</summary>
internal static class ChatRequests
{
    // Our own settings, under the names of the HTTP interface.
    private const string MinP = "min_p";
    private const string RepetitionPenalty = "repetition_penalty";
    private const string Choices = "choices";

    /// <exception cref="ArgumentException">No task is named, or a value is wrong.</exception>
    /// <exception cref="NotSupportedException">Something is asked for that a grid does not offer.</exception>
    public static GenerationRequest ToRequest(IEnumerable<AiMessage> messages, ChatOptions? options, string? model)
    {
        options ??= new ChatOptions();
        RefuseUnsupported(options);
        string name = options.ModelId ?? model ?? throw new ArgumentException("No task is named: set ChatOptions.ModelId, or give the client one.", nameof(options));
        if (!ModelRef.TryParse(name, out ModelRef reference, out string? problem))
            throw new ArgumentException($"ChatOptions.ModelId {problem}.", nameof(options));

        var conversation = new List<Contracts.ChatMessage>();
        if (!string.IsNullOrEmpty(options.Instructions))
            conversation.Add(new(Contracts.ChatRole.System, options.Instructions));
        conversation.AddRange(messages.Select(ToMessage));
        return new GenerationRequest
        {
            Model = reference,
            Prompt = new ChatPrompt(conversation),
            MaxTokens = options.MaxOutputTokens ?? int.MaxValue,
            TrimToContext = options.MaxOutputTokens is null,
            Temperature = options.Temperature ?? 1,
            TopP = options.TopP ?? 1,
            TopK = options.TopK ?? 0,
            PresencePenalty = options.PresencePenalty ?? 0,
            FrequencyPenalty = options.FrequencyPenalty ?? 0,
            MinP = Number(options, MinP) ?? 0,
            RepetitionPenalty = Number(options, RepetitionPenalty) ?? 1,
            Seed = options.Seed,
            Stop = options.StopSequences is { } stop ? [.. stop] : [],
            Constraint = Constraint(options),
        };
    }

    private static void RefuseUnsupported(ChatOptions options)
    {
        string[] refused =
        [
            .. new (string Name, bool Given)[]
            {
                (nameof(options.Tools), options.Tools is { Count: > 0 }),
                (nameof(options.ToolMode), options.ToolMode is not (null or AutoChatToolMode or NoneChatToolMode)),
                (nameof(options.ConversationId), options.ConversationId is not null),
                (nameof(options.RawRepresentationFactory), options.RawRepresentationFactory is not null),
            }.Where(option => option.Given).Select(option => option.Name),
            .. (options.AdditionalProperties?.Keys ?? []).Where(key => key is not (MinP or RepetitionPenalty or Choices)).Select(key => $"AdditionalProperties[\"{key}\"]"),
        ];
        if (refused.Length > 0)
            throw new NotSupportedException($"A grid does not offer these chat options: {string.Join(", ", refused)}.");
    }

    private static Contracts.ChatMessage ToMessage(AiMessage message)
    {
        Contracts.ChatRole role = message.Role == AiRole.System ? Contracts.ChatRole.System
            : message.Role == AiRole.User ? Contracts.ChatRole.User
            : message.Role == AiRole.Assistant ? Contracts.ChatRole.Assistant
            : throw new NotSupportedException($"A grid takes messages of system, user and assistant, not of '{message.Role}'.");
        foreach (AIContent content in message.Contents)
        {
            if (content is not (TextContent or UsageContent))
                throw new NotSupportedException($"A grid takes text only, not {content.GetType().Name}.");
        }

        return new Contracts.ChatMessage(role, string.Concat(message.Contents.OfType<TextContent>().Select(content => content.Text)));
    }

    private static OutputConstraint? Constraint(ChatOptions options)
    {
        OutputConstraint? format = options.ResponseFormat switch
        {
            null or ChatResponseFormatText => null,
            ChatResponseFormatJson { Schema: { } schema } => new JsonSchemaOutput(schema.GetRawText()),
            ChatResponseFormatJson => new JsonObjectOutput(),
            { } other => throw new NotSupportedException($"A grid does not offer the response format {other.GetType().Name}."),
        };
        if (options.AdditionalProperties?.TryGetValue(Choices, out object? value) != true)
            return format;
        if (format is not null)
            throw new ArgumentException($"Either ResponseFormat or AdditionalProperties[\"{Choices}\"], not both.", nameof(options));
        return value is IEnumerable<string> choices
            ? new ChoiceOutput([.. choices])
            : throw new ArgumentException($"AdditionalProperties[\"{Choices}\"] must be a list of strings.", nameof(options));
    }

    private static double? Number(ChatOptions options, string name)
    {
        if (options.AdditionalProperties?.TryGetValue(name, out object? value) != true)
            return null;
        return value switch
        {
            double number => number,
            float number => number,
            int number => number,
            _ => throw new ArgumentException($"AdditionalProperties[\"{name}\"] must be a number.", nameof(options)),
        };
    }
}
