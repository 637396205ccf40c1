using System.Text.Json;
using MoeLora.Contracts;
using MoeLora.Gateway.Http;
using MoeLora.Gateway.Parameters;

namespace MoeLora.Gateway.Chat;

/// <summary>
/// Reads the messages of a chat: text, or parts that are all text and are joined without anything between. What a client sends back
/// of an earlier answer of ours (<c>refusal</c>, <c>annotations</c> and the like, empty) is taken.
/// </summary>
internal static class ChatMessages
{
    /// <summary>Most messages of a chat, and most parts of a message.</summary>
    public const int Most = 4096;

    /// <returns>The messages; null where one was refused.</returns>
    public static IReadOnlyList<ChatMessage>? Read(ParameterReader reader, JsonElement array)
    {
        if (IsTooLong(reader, "messages", array, "messages"))
            return null;
        var messages = new List<ChatMessage>(array.GetArrayLength());
        bool whole = true;
        int index = 0;
        foreach (JsonElement element in array.EnumerateArray())
        {
            if (reader.HasTooMany)
                return null;
            ChatMessage? message = ReadMessage(reader, element, $"messages[{index++}]");
            if (message is null)
                whole = false;
            else
                messages.Add(message);
        }

        return whole ? messages : null;
    }

    private static ChatMessage? ReadMessage(ParameterReader reader, JsonElement element, string path)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            reader.Refuse(path, "invalid_type", "must be an object");
            return null;
        }

        ChatRole? role = null;
        string? text = null;
        bool isContentRefused = false;
        foreach ((string name, JsonElement value) in reader.Members(element, path + "."))
        {
            switch (name[(path.Length + 1)..])
            {
                case "role":
                    role = ReadRole(reader, name, value);
                    break;
                case "content":
                    text = ReadContent(reader, name, value);
                    isContentRefused = text is null && value.ValueKind != JsonValueKind.Null;
                    break;
                case "name": // taken because clients send it; no chat format has a place for it
                    reader.TryText(name, value, out _);
                    break;
                case "refusal" or "audio" or "function_call" or "tool_call_id":
                    reader.OnlyNeutral(name, value, false, "null");
                    break;
                case "tool_calls" or "annotations":
                    reader.OnlyNeutral(name, value, value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0, "null");
                    break;
                default:
                    reader.RefuseUnknown(name);
                    break;
            }
        }

        reader.Require(path + ".role", role is not null);
        reader.Require(path + ".content", text is not null || isContentRefused);
        return role is { } known && text is not null ? new ChatMessage(known, text) : null;
    }

    private static bool IsTooLong(ParameterReader reader, string name, JsonElement array, string what)
    {
        if (array.GetArrayLength() <= Most)
            return false;
        reader.Refuse(name, "invalid_value", $"holds {array.GetArrayLength()} {what}, and {Most} are taken at most");
        return true;
    }

    private static ChatRole? ReadRole(ParameterReader reader, string name, JsonElement value)
    {
        if (!reader.TryText(name, value, out string? text))
            return null;
        switch (text)
        {
            case "system" or "developer":
                return ChatRole.System;
            case "user":
                return ChatRole.User;
            case "assistant":
                return ChatRole.Assistant;
            case "tool" or "function":
                reader.Refuse(name, "unsupported_parameter", "must be 'system', 'developer', 'user' or 'assistant': tools are not supported");
                return null;
            default:
                reader.Refuse(name, "invalid_value", "must be 'system', 'developer', 'user' or 'assistant'");
                return null;
        }
    }

    private static string? ReadContent(ParameterReader reader, string name, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String)
            return reader.TryText(name, value, out string? text) ? text : null;
        if (value.ValueKind != JsonValueKind.Array)
        {
            if (value.ValueKind != JsonValueKind.Null)
                reader.Refuse(name, "invalid_type", "must be a string, or an array of parts");
            return null;
        }

        if (IsTooLong(reader, name, value, "parts"))
            return null;
        var texts = new List<string>(value.GetArrayLength());
        int index = 0;
        foreach (JsonElement part in value.EnumerateArray())
        {
            if (reader.HasTooMany)
                return null;
            string path = $"{name}[{index++}]";
            if (part.ValueKind != JsonValueKind.Object)
                reader.Refuse(path, "invalid_type", "must be an object");
            else if (ReadPart(reader, part, path) is { } text)
                texts.Add(text);
        }

        if (index == 0)
            reader.Refuse(name, "invalid_value", "must hold at least one part");
        return index > 0 && texts.Count == index ? string.Concat(texts) : null;
    }

    private static string? ReadPart(ParameterReader reader, JsonElement part, string path)
    {
        // The type first: a picture's part has other members, and only its type is worth a word.
        JsonElement type = part.EnumerateObject().FirstOrDefault(member => JsonText.TryGetName(member, out string? name) && name == "type").Value;
        if (type.ValueKind != JsonValueKind.String)
        {
            reader.Refuse(path + ".type", "missing_required_parameter", "is required, a string");
            return null;
        }

        if (!JsonText.Is(type, "text"))
        {
            reader.Refuse(path + ".type", "unsupported_parameter", "must be 'text': other parts, such as pictures, sound and files, are not supported");
            return null;
        }

        string? text = null;
        foreach ((string name, JsonElement value) in reader.Members(part, path + "."))
        {
            string member = name[(path.Length + 1)..];
            if (member == "text")
                reader.TryText(name, value, out text, nullable: false);
            else if (member != "type")
                reader.RefuseUnknown(name);
        }

        reader.Require(path + ".text", text is not null);
        return text;
    }
}
