using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Unicode;
using MoeLora.Contracts;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Http;

namespace MoeLora.Gateway.Completions;

/// <summary>
/// Reads the body of a completion call. Strict: a parameter that is unknown, given twice, of the wrong type or not offered is
/// refused by name, never ignored. All problems are reported together. A null is the same as leaving a parameter out.
/// </summary>
internal sealed class CompletionReader
{
    private readonly List<ApiError> _problems = [];
    private ModelRef _model;
    private Prompt? _prompt;
    private int _maxTokens = 16;
    private double _temperature = 1;
    private double _topP = 1;
    private int _topK;
    private double _repetitionPenalty = 1;
    private long? _seed;
    private IReadOnlyList<string> _stop = [];
    private bool _returnTokenIds;
    private bool _stream;
    private bool _hasStreamOptions;
    private bool _includeUsage;

    private CompletionReader()
    {
    }

    public static bool TryRead(ReadOnlyMemory<byte> body, [NotNullWhen(true)] out CompletionCall? call, [NotNullWhen(false)] out ApiError? error)
    {
        call = null;
        if (!Utf8.IsValid(body.Span))
        {
            error = ApiError.Caller(400, "invalid_json", "The request body is not valid UTF-8.");
            return false;
        }

        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(body);
        }
        catch (JsonException exception)
        {
            // Our own words: the exception's message may quote the body.
            error = ApiError.Caller(400, "invalid_json", $"The request body is not valid JSON: see line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}.");
            return false;
        }

        using (document)
        {
            var reader = new CompletionReader();
            CompletionCall? read = reader.Read(document.RootElement);
            error = reader._problems.Count > 0 ? ApiError.Combine(reader._problems) : null;
            call = error is null ? read : null;
        }

        return call is not null;
    }

    private CompletionCall? Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            _problems.Add(ApiError.Caller(400, "invalid_type", "The request body must be a JSON object."));
            return null;
        }

        foreach ((string name, JsonElement value) in Properties(root, ""))
            ReadParameter(name, value);
        Require("model", _model.Text.Length > 0);
        Require("prompt", _prompt is not null);
        if (_hasStreamOptions && !_stream)
            Refuse("stream_options", "invalid_value", "is allowed only with 'stream': true");

        var request = new GenerationRequest
        {
            Model = _model,
            Prompt = _prompt ?? new TextPrompt(""),
            MaxTokens = _maxTokens,
            Temperature = _temperature,
            TopP = _topP,
            TopK = _topK,
            RepetitionPenalty = _repetitionPenalty,
            Seed = _seed,
            Stop = _stop,
            ReturnTokenIds = _returnTokenIds,
        };
        string?[] reported = [.. _problems.Select(problem => problem.Param)];
        _problems.AddRange(request.FindProblems().Where(problem => !reported.Contains(problem.Param)).Select(ApiError.From));
        return new CompletionCall(request, _stream, _includeUsage);
    }

    private void ReadParameter(string name, JsonElement value)
    {
        switch (name)
        {
            case "model": ReadModel(value); break;
            case "prompt": ReadPrompt(value); break;
            case "max_tokens": ReadInteger(name, value, ref _maxTokens); break;
            case "temperature": ReadNumber(name, value, ref _temperature); break;
            case "top_p": ReadNumber(name, value, ref _topP); break;
            case "top_k": ReadInteger(name, value, ref _topK); break;
            case "repetition_penalty": ReadNumber(name, value, ref _repetitionPenalty); break;
            case "seed": ReadSeed(value); break;
            case "stop": ReadStop(value); break;
            case "stream": ReadBoolean(name, value, ref _stream); break;
            case "stream_options": ReadStreamOptions(value); break;
            case "return_token_ids": ReadBoolean(name, value, ref _returnTokenIds); break;
            case "user": ReadUser(value); break;

            // Part of OpenAI's interface but not offered: only the value that changes nothing is taken.
            case "n" or "best_of": OnlyNeutral(name, value, IsNumber(value, 1), "1"); break;
            case "presence_penalty" or "frequency_penalty": OnlyNeutral(name, value, IsNumber(value, 0), "0"); break;
            case "echo": OnlyNeutral(name, value, value.ValueKind == JsonValueKind.False, "false"); break;
            case "logprobs" or "suffix" or "logit_bias": OnlyNeutral(name, value, false, "null"); break;
            default: Refuse(name, "unknown_parameter", "is not a parameter of this interface"); break;
        }
    }

    private void ReadModel(JsonElement value)
    {
        if (!TryText("model", value, out string? text))
            return;
        if (!ModelRef.TryParse(text, out _model, out string? problem))
            Refuse("model", "invalid_value", problem);
    }

    private void ReadPrompt(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Null)
            return;
        if (value.ValueKind == JsonValueKind.String)
        {
            if (TryText("prompt", value, out string? text))
                _prompt = new TextPrompt(text);
            return;
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            Refuse("prompt", "invalid_type", "must be a string, or an array of token ids");
            return;
        }

        if (value.GetArrayLength() > 0 && value[0].ValueKind is JsonValueKind.String or JsonValueKind.Array)
        {
            if (value.GetArrayLength() > 1)
                Refuse("prompt", "invalid_value", "holds several prompts: send each in a request of its own");
            else if (value[0].ValueKind == JsonValueKind.String)
                ReadPrompt(value[0]);
            else
                ReadTokenIds(value[0]);
            return;
        }

        ReadTokenIds(value);
    }

    private void ReadTokenIds(JsonElement array)
    {
        var ids = new List<int>(array.GetArrayLength());
        foreach (JsonElement element in array.EnumerateArray())
        {
            if (element.ValueKind != JsonValueKind.Number || !element.TryGetInt32(out int id))
            {
                Refuse("prompt", "invalid_type", $"must hold token ids only: element {ids.Count} is not a 32-bit integer");
                return;
            }

            ids.Add(id);
        }

        _prompt = new TokenPrompt(ids);
    }

    private void ReadStop(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Null)
            return;
        if (value.ValueKind is not (JsonValueKind.String or JsonValueKind.Array))
        {
            Refuse("stop", "invalid_type", "must be a string or an array of strings");
            return;
        }

        JsonElement[] elements = value.ValueKind == JsonValueKind.String ? [value] : [.. value.EnumerateArray()];
        var stop = new List<string>(elements.Length);
        foreach (JsonElement element in elements)
        {
            if (!TryText("stop", element, out string? text, nullable: false))
                return;
            stop.Add(text);
        }

        _stop = stop;
    }

    private void ReadStreamOptions(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Null)
            return;
        if (value.ValueKind != JsonValueKind.Object)
        {
            Refuse("stream_options", "invalid_type", "must be an object");
            return;
        }

        _hasStreamOptions = true;
        foreach ((string name, JsonElement option) in Properties(value, "stream_options."))
        {
            if (name == "stream_options.include_usage")
                ReadBoolean(name, option, ref _includeUsage);
            else
                Refuse(name, "unknown_parameter", "is not a parameter of this interface");
        }
    }

    /// <summary>Taken because OpenAI's clients send it; nothing uses or keeps it.</summary>
    private void ReadUser(JsonElement value) => TryText("user", value, out _);

    private void ReadSeed(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Null)
            return;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long seed))
            _seed = seed;
        else
            Refuse("seed", "invalid_type", "must be a 64-bit integer");
    }

    private void ReadInteger(string name, JsonElement value, ref int target)
    {
        if (value.ValueKind == JsonValueKind.Null)
            return;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number))
            target = number;
        else
            Refuse(name, "invalid_type", "must be a 32-bit integer");
    }

    private void ReadNumber(string name, JsonElement value, ref double target)
    {
        if (value.ValueKind == JsonValueKind.Null)
            return;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number))
            target = number;
        else
            Refuse(name, "invalid_type", "must be a number");
    }

    private void ReadBoolean(string name, JsonElement value, ref bool target)
    {
        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False)
            target = value.ValueKind == JsonValueKind.True;
        else if (value.ValueKind != JsonValueKind.Null)
            Refuse(name, "invalid_type", "must be true or false");
    }

    private bool TryText(string name, JsonElement value, [NotNullWhen(true)] out string? text, bool nullable = true)
    {
        text = null;
        if (value.ValueKind == JsonValueKind.Null && nullable)
            return false;
        if (value.ValueKind != JsonValueKind.String)
        {
            Refuse(name, "invalid_type", "must be a string");
            return false;
        }

        if (JsonText.TryGet(value, out text))
            return true;
        Refuse(name, "invalid_value", "holds half of an escaped surrogate pair, which is not text");
        return false;
    }

    private void OnlyNeutral(string name, JsonElement value, bool neutral, string neutralText)
    {
        if (!neutral && value.ValueKind != JsonValueKind.Null)
            Refuse(name, "unsupported_parameter", $"is not supported: leave it out, or send {neutralText}");
    }

    private static bool IsNumber(JsonElement value, int expected) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number == expected;

    private void Require(string name, bool given)
    {
        if (!given && _problems.All(problem => problem.Param != name))
            Refuse(name, "missing_required_parameter", "is required");
    }

    /// <summary>An object's members, each name once.</summary>
    private IEnumerable<(string Name, JsonElement Value)> Properties(JsonElement element, string prefix)
    {
        var seen = new HashSet<string>();
        foreach (JsonProperty property in element.EnumerateObject())
        {
            if (!JsonText.TryGetName(property, out string? name))
                _problems.Add(ApiError.Caller(400, "invalid_json", "A parameter's name holds half of an escaped surrogate pair, which is not text."));
            else if (!seen.Add(name))
                Refuse(prefix + name, "invalid_value", "is given more than once");
            else
                yield return (prefix + name, property.Value);
        }
    }

    private void Refuse(string name, string code, string problem) => _problems.Add(ApiError.Caller(400, code, $"'{name}' {problem}.", name));
}
