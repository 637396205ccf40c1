using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using MoeLora.Contracts;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Parameters;

namespace MoeLora.Gateway.Completions;

/// <summary>
/// Reads the body of a completion call. Strict: a parameter that is unknown, given twice, of the wrong type or not offered is
/// refused by name, never ignored. All problems are reported together. A null is the same as leaving a parameter out.
/// </summary>
internal sealed class CompletionReader
{
    private readonly ParameterReader _reader = new();
    private readonly GenerationParameters _parameters;
    private Prompt? _prompt;
    private int _maxTokens = 16;
    private int? _logProbs;

    private CompletionReader() => _parameters = new GenerationParameters(_reader);

    public static bool TryRead(ReadOnlyMemory<byte> body, [NotNullWhen(true)] out GenerationCall? call, [NotNullWhen(false)] out ApiError? error)
    {
        call = null;
        if (!ParameterReader.TryParse(body, out JsonDocument? document, out error))
            return false;
        using (document)
        {
            var reader = new CompletionReader();
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

        _reader.Require("prompt", _prompt is not null);
        return _parameters.Finish(_prompt, _maxTokens, _logProbs, ("top_logprobs", "logprobs"));
    }

    private void ReadParameter(string name, JsonElement value)
    {
        switch (name)
        {
            case "prompt": ReadPrompt(value); break;
            case "max_tokens": _reader.Read(name, value, ref _maxTokens); break;
            case "logprobs": _reader.Read(name, value, ref _logProbs); break;
            case "best_of": _reader.OnlyNeutral(name, value, value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double n) && n == 1, "1"); break;
            case "echo": _reader.OnlyNeutral(name, value, value.ValueKind == JsonValueKind.False, "false"); break;
            case "suffix": _reader.OnlyNeutral(name, value, false, "null"); break;
            default: _reader.RefuseUnknown(name); break;
        }
    }

    private void ReadPrompt(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Null)
            return;
        if (value.ValueKind == JsonValueKind.String)
        {
            if (_reader.TryText("prompt", value, out string? text))
                _prompt = new TextPrompt(text);
            return;
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            _reader.Refuse("prompt", "invalid_type", "must be a string, or an array of token ids");
            return;
        }

        JsonElement ids = value;
        if (value.GetArrayLength() > 0 && value[0].ValueKind is JsonValueKind.String or JsonValueKind.Array)
        {
            if (value.GetArrayLength() > 1)
            {
                _reader.Refuse("prompt", "invalid_value", "holds several prompts: send each in a request of its own");
                return;
            }

            ids = value[0];
            if (ids.ValueKind == JsonValueKind.String)
            {
                ReadPrompt(ids);
                return;
            }
        }

        if (_reader.TokenIds("prompt", ids) is { } tokens)
            _prompt = new TokenPrompt(tokens);
    }
}
