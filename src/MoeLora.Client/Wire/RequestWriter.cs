using System.Buffers;
using System.Text.Json;
using MoeLora.Contracts;

namespace MoeLora.Client.Wire;

/// <summary>Writes a request as the gateway reads it: streamed, with its usage, and every value that is not the contracts' default.</summary>
internal static class RequestWriter
{
    public static byte[] Write(GenerationRequest request)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WriteString("model", request.Model.Text);
        json.WriteBoolean("stream", true);
        json.WriteStartObject("stream_options");
        json.WriteBoolean("include_usage", true);
        json.WriteEndObject();
        WritePrompt(json, request.Prompt);
        WriteLimit(json, request);
        WriteSampling(json, request);
        WriteConstraint(json, request.Constraint);

        // Ids of tokens are known only where they are asked for, and log probabilities are of tokens.
        if (request.ReturnTokenIds || request.TopLogProbs is not null)
            json.WriteBoolean("return_token_ids", true);
        if (request.TopLogProbs is { } top && request.Prompt is ChatPrompt)
        {
            json.WriteBoolean("logprobs", true);
            json.WriteNumber("top_logprobs", top);
        }
        else if (request.TopLogProbs is { } number)
        {
            json.WriteNumber("logprobs", number);
        }

        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    private static void WritePrompt(Utf8JsonWriter json, Prompt prompt)
    {
        switch (prompt)
        {
            case TextPrompt text:
                json.WriteString("prompt", text.Text);
                break;
            case TokenPrompt tokens:
                WriteArray(json, "prompt", tokens.TokenIds, static (json, id) => json.WriteNumberValue(id));
                break;
            case ChatPrompt chat:
                WriteArray(json, "messages", chat.Messages, static (json, message) =>
                {
                    json.WriteStartObject();
                    json.WriteString("role", message.Role switch
                    {
                        ChatRole.System => "system",
                        ChatRole.User => "user",
                        ChatRole.Assistant => "assistant",
                        _ => throw new ArgumentOutOfRangeException(nameof(prompt), message.Role, "Unknown role."),
                    });
                    json.WriteString("content", message.Text);
                    json.WriteEndObject();
                });
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(prompt), prompt.GetType(), "Unknown kind of prompt.");
        }
    }

    private static void WriteLimit(Utf8JsonWriter json, GenerationRequest request)
    {
        json.WriteNumber(request.Prompt is ChatPrompt ? "max_completion_tokens" : "max_tokens", request.MaxTokens);
        if (request.TrimToContext)
            json.WriteBoolean("trim_to_context", true);
    }

    private static void WriteSampling(Utf8JsonWriter json, GenerationRequest request)
    {
        json.WriteNumber("temperature", request.Temperature);
        WriteUnless(1, "top_p", request.TopP);
        WriteUnless(0, "top_k", request.TopK);
        WriteUnless(0, "min_p", request.MinP);
        WriteUnless(1, "repetition_penalty", request.RepetitionPenalty);
        WriteUnless(0, "presence_penalty", request.PresencePenalty);
        WriteUnless(0, "frequency_penalty", request.FrequencyPenalty);
        WriteUnless(1, "n", request.Answers);
        if (request.Seed is { } seed)
            json.WriteNumber("seed", seed);
        if (request.Stop.Count > 0)
            WriteArray(json, "stop", request.Stop, static (json, text) => json.WriteStringValue(text));
        if (request.StopTokenIds.Count > 0)
            WriteArray(json, "stop_token_ids", request.StopTokenIds, static (json, id) => json.WriteNumberValue(id));

        void WriteUnless(double neutral, string name, double value)
        {
            if (value != neutral)
                json.WriteNumber(name, value);
        }
    }

    private static void WriteConstraint(Utf8JsonWriter json, OutputConstraint? constraint)
    {
        if (constraint is null)
            return;
        json.WriteStartObject("response_format");
        switch (constraint)
        {
            case JsonObjectOutput:
                json.WriteString("type", "json_object");
                break;
            case JsonSchemaOutput schema:
                json.WriteString("type", "json_schema");
                json.WriteStartObject("json_schema");
                json.WriteString("name", "answer");
                json.WritePropertyName("schema");
                json.WriteRawValue(schema.Schema);
                json.WriteEndObject();
                break;
            case ChoiceOutput choice:
                json.WriteString("type", "choice");
                WriteArray(json, "choices", choice.Options, static (json, option) => json.WriteStringValue(option));
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(constraint), constraint.GetType(), "Unknown kind of constraint.");
        }

        json.WriteEndObject();
    }

    private static void WriteArray<T>(Utf8JsonWriter json, string name, IReadOnlyList<T> values, Action<Utf8JsonWriter, T> write)
    {
        json.WriteStartArray(name);
        foreach (T value in values)
            write(json, value);
        json.WriteEndArray();
    }
}
