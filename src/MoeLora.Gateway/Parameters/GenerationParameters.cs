using System.Text.Json;
using MoeLora.Contracts;
using MoeLora.Gateway.Errors;

namespace MoeLora.Gateway.Parameters;

/// <summary>The parameters that completions and chats share. One for each call.</summary>
internal sealed class GenerationParameters(ParameterReader reader)
{
    private ModelRef _model;
    private double _temperature = 1;
    private double _topP = 1;
    private int _topK;
    private double _minP;
    private double _repetitionPenalty = 1;
    private double _presencePenalty;
    private double _frequencyPenalty;
    private int _answers = 1;
    private long? _seed;
    private IReadOnlyList<string> _stop = [];
    private IReadOnlyList<int> _stopTokenIds = [];
    private OutputConstraint? _constraint;
    private bool _returnTokenIds;
    private bool _trimToContext;
    private bool _stream;
    private bool _hasStreamOptions;
    private bool _includeUsage;

    /// <summary>Reads a parameter if it is one of these.</summary>
    public bool TryRead(string name, JsonElement value)
    {
        switch (name)
        {
            case "model": ReadModel(value); break;
            case "temperature": reader.Read(name, value, ref _temperature); break;
            case "top_p": reader.Read(name, value, ref _topP); break;
            case "top_k": reader.Read(name, value, ref _topK); break;
            case "min_p": reader.Read(name, value, ref _minP); break;
            case "repetition_penalty": reader.Read(name, value, ref _repetitionPenalty); break;
            case "presence_penalty": reader.Read(name, value, ref _presencePenalty); break;
            case "frequency_penalty": reader.Read(name, value, ref _frequencyPenalty); break;
            case "n": reader.Read(name, value, ref _answers); break;
            case "seed": reader.Read(name, value, ref _seed); break;
            case "stop": ReadStop(value); break;
            case "stop_token_ids": ReadStopTokenIds(value); break;
            case "response_format": _constraint = ResponseFormat.Read(reader, value); break;
            case "trim_to_context": reader.Read(name, value, ref _trimToContext); break;
            case "stream": reader.Read(name, value, ref _stream); break;
            case "stream_options": ReadStreamOptions(value); break;
            case "return_token_ids": reader.Read(name, value, ref _returnTokenIds); break;

            // Taken because OpenAI's clients send them; nothing uses or keeps them.
            case "user" or "safety_identifier" or "prompt_cache_key": reader.TryText(name, value, out _); break;
            case "logit_bias": reader.OnlyNeutral(name, value, value.ValueKind == JsonValueKind.Object && !value.EnumerateObject().Any(), "{}"); break;
            default: return false;
        }

        return true;
    }

    /// <summary>Checks everything together and makes the call of it.</summary>
    /// <param name="prompt">What to continue; null where it was refused or is missing, which is reported already.</param>
    /// <param name="maxTokens">Most tokens; null for as many as the context leaves.</param>
    /// <param name="topLogProbs">Alternatives to report; null for none.</param>
    /// <param name="spelling">This interface's names of values that the contracts name otherwise.</param>
    public GenerationCall Finish(Prompt? prompt, int? maxTokens, int? topLogProbs, params ReadOnlySpan<(string Contract, string Here)> spelling)
    {
        reader.Require("model", _model.Text.Length > 0);
        if (_hasStreamOptions && !_stream)
            reader.Refuse("stream_options", "invalid_value", "is allowed only with 'stream': true");

        var request = new GenerationRequest
        {
            Model = _model,
            Prompt = prompt ?? new TextPrompt(""),
            MaxTokens = maxTokens ?? int.MaxValue,
            TrimToContext = _trimToContext || maxTokens is null,
            Temperature = _temperature,
            TopP = _topP,
            TopK = _topK,
            MinP = _minP,
            RepetitionPenalty = _repetitionPenalty,
            PresencePenalty = _presencePenalty,
            FrequencyPenalty = _frequencyPenalty,
            Answers = _answers,
            TopLogProbs = topLogProbs,
            Constraint = _constraint,
            Seed = _seed,
            Stop = _stop,
            StopTokenIds = _stopTokenIds,
            ReturnTokenIds = _returnTokenIds,
        };
        string?[] reported = [.. reader.Problems.Select(problem => problem.Param)];
        foreach (GridError problem in request.FindProblems())
        {
            GridError spelled = problem;
            foreach ((string contract, string here) in spelling)
            {
                if (problem.Param == contract)
                    spelled = problem with { Param = here, Message = problem.Message.Replace($"'{contract}'", $"'{here}'", StringComparison.Ordinal) };
            }

            bool known = reported.Contains(spelled.Param) || (spelled.Param == "prompt" && prompt is null);
            if (!known)
                reader.Refuse(ApiError.From(spelled));
        }

        return new GenerationCall(request, _stream, _includeUsage);
    }

    private void ReadModel(JsonElement value)
    {
        if (!reader.TryText("model", value, out string? text))
            return;
        if (!ModelRef.TryParse(text, out _model, out string? problem))
            reader.Refuse("model", "invalid_value", problem);
    }

    private void ReadStop(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String)
            _stop = reader.TryText("stop", value, out string? text) ? [text] : [];
        else if (value.ValueKind == JsonValueKind.Array)
            _stop = reader.Texts("stop", value) ?? [];
        else if (value.ValueKind != JsonValueKind.Null)
            reader.Refuse("stop", "invalid_type", "must be a string or an array of strings");
    }

    private void ReadStopTokenIds(JsonElement value)
    {
        if (reader.IsArray("stop_token_ids", value))
            _stopTokenIds = reader.TokenIds("stop_token_ids", value) ?? [];
    }

    private void ReadStreamOptions(JsonElement value)
    {
        if (!reader.IsObject("stream_options", value))
            return;
        _hasStreamOptions = true;
        foreach ((string name, JsonElement option) in reader.Members(value, "stream_options."))
        {
            if (name == "stream_options.include_usage")
                reader.Read(name, option, ref _includeUsage);
            else if (name == "stream_options.include_obfuscation")
                reader.OnlyNeutral(name, option, option.ValueKind == JsonValueKind.False, "false");
            else
                reader.RefuseUnknown(name);
        }
    }
}
