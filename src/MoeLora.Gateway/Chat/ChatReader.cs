using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using MoeLora.Contracts;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Http;
using MoeLora.Gateway.Parameters;

namespace MoeLora.Gateway.Chat;

/// <summary>Reads the body of a chat call, as strictly as a completion's.</summary>
internal sealed class ChatReader
{
    private readonly ParameterReader _reader = new();
    private readonly GenerationParameters _parameters;
    private IReadOnlyList<ChatMessage>? _messages;
    private bool _hasMessages;
    private int? _maxTokens;
    private int? _maxCompletionTokens;
    private bool _logProbs;
    private int? _topLogProbs;

    private ChatReader() => _parameters = new GenerationParameters(_reader);

    public static bool TryRead(ReadOnlyMemory<byte> body, [NotNullWhen(true)] out GenerationCall? call, [NotNullWhen(false)] out ApiError? error)
    {
        call = null;
        if (!ParameterReader.TryParse(body, out JsonDocument? document, out error))
            return false;
        using (document)
        {
            var reader = new ChatReader();
            GenerationCall read = reader.Read(document.RootElement);
            error = reader._reader.Problems.Count > 0 ? ApiError.Combine(reader._reader.Problems) : null;
            call = error is null ? read : null;
        }

        return call is not null;
    }

    private GenerationCall Read(JsonElement root)
    {
        foreach ((string name, JsonElement value) in _reader.Members(root))
        {
            if (!_parameters.TryRead(name, value))
                ReadParameter(name, value);
        }

        _reader.Require("messages", _hasMessages);
        if (_maxTokens is not null && _maxCompletionTokens is not null && _maxTokens != _maxCompletionTokens)
            _reader.Refuse("max_tokens", "invalid_value", "is the old name of 'max_completion_tokens' and differs from it: send one of them");
        if (_topLogProbs is not null && !_logProbs)
            _reader.Refuse("top_logprobs", "invalid_value", "is allowed only with 'logprobs': true");
        int? topLogProbs = _logProbs ? _topLogProbs ?? 0 : null;
        return _parameters.Finish(
            _messages is null ? null : new ChatPrompt(_messages),
            _maxCompletionTokens ?? _maxTokens,
            topLogProbs,
            ("max_tokens", _maxCompletionTokens is null ? "max_tokens" : "max_completion_tokens"));
    }

    private void ReadParameter(string name, JsonElement value)
    {
        switch (name)
        {
            case "messages":
                _hasMessages = value.ValueKind != JsonValueKind.Null;
                if (_reader.IsArray(name, value))
                    _messages = ChatMessages.Read(_reader, value);
                break;
            case "max_tokens": _reader.Read(name, value, ref _maxTokens); break;
            case "max_completion_tokens": _reader.Read(name, value, ref _maxCompletionTokens); break;
            case "logprobs": _reader.Read(name, value, ref _logProbs); break;
            case "top_logprobs": _reader.Read(name, value, ref _topLogProbs); break;

            // Taken because clients send them; nothing is stored, whatever they say.
            case "store":
                bool store = false;
                _reader.Read(name, value, ref store);
                break;
            case "metadata": _reader.IsObject(name, value); break;

            // Part of OpenAI's interface but not offered.
            case "tools" or "functions": _reader.OnlyNeutral(name, value, value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0, "[]"); break;
            case "tool_choice" or "function_call": _reader.OnlyNeutral(name, value, JsonText.Is(value, "none"), "\"none\""); break;
            case "modalities": _reader.OnlyNeutral(name, value, value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 1 && JsonText.Is(value[0], "text"), "[\"text\"]"); break;
            case "service_tier": _reader.OnlyNeutral(name, value, JsonText.Is(value, "auto") || JsonText.Is(value, "default"), "\"auto\""); break;
            case "parallel_tool_calls": _reader.OnlyNeutral(name, value, value.ValueKind is JsonValueKind.True or JsonValueKind.False, "null"); break;
            case "audio" or "prediction" or "reasoning_effort" or "verbosity" or "web_search_options" or "prompt_cache_retention" or "moderation":
                _reader.OnlyNeutral(name, value, false, "null");
                break;
            default: _reader.RefuseUnknown(name); break;
        }
    }
}
