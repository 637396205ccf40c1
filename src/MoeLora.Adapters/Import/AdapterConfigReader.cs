using System.Text.Json;

namespace MoeLora.Adapters.Import;

/// <summary>
/// Reads <c>adapter_config.json</c> strictly: every key is understood, known to change nothing here, or a problem.
/// A key whose value is null asks for nothing and is never a problem.
/// </summary>
internal sealed class AdapterConfigReader
{
    // Bounds what a config can make the reader do before any tensor is seen.
    private const int MaxCount = 1_000_000;

    /// <summary>Keys that change nothing at inference, or nothing that this project needs.</summary>
    private static readonly HashSet<string> Harmless = new(StringComparer.Ordinal)
    {
        "auto_mapping", "inference_mode", "lora_dropout", "merge_weights", "peft_version", "revision",
        "megatron_core", "eva_config", "runtime_config", "ensure_weight_tying",
    };

    /// <summary>Keys that are refused by name unless they are off (false or empty), with what they would need.</summary>
    private static readonly Dictionary<string, string> Refused = new(StringComparer.Ordinal)
    {
        ["alora_invocation_tokens"] = "activated LoRA is not supported",
        ["alpha_pattern"] = "one alpha for all modules is supported; scale the B matrices of the other modules instead",
        ["arrow_config"] = "routed LoRA is not supported",
        ["corda_config"] = "its base weights differ from the published ones",
        ["enable_lora"] = "merged projections with parts left out are not supported",
        ["exclude_modules"] = "list the adapted modules in target_modules instead",
        ["fan_in_fan_out"] = "transposed (Conv1D) weights are not supported",
        ["layer_replication"] = "replicated layers are not supported",
        ["layers_pattern"] = "list the adapted modules by their full names in target_modules instead",
        ["layers_to_transform"] = "list the adapted modules by their full names in target_modules instead",
        ["loftq_config"] = "its base weights differ from the published ones",
        ["lora_bias"] = "biases in the experts are not supported",
        ["megatron_config"] = "Megatron layers are not supported",
        ["modules_to_save"] = "fully trained modules beside the experts are not supported",
        ["rank_pattern"] = "one rank for all modules is supported",
        ["target_parameters"] = "only dense modules can be adapted",
        ["trainable_token_indices"] = "trained token embeddings are not supported",
        ["use_bdlora"] = "block-diagonal LoRA is not supported",
        ["use_dora"] = "DoRA is not supported",
        ["use_qalora"] = "QALoRA is not supported",
    };

    private readonly List<string> _problems;
    private readonly string _file;
    private readonly JsonElement _root;

    private AdapterConfigReader(JsonElement root, string file, List<string> problems)
    {
        _root = root;
        _file = file;
        _problems = problems;
    }

    /// <summary>Reads the file; null after adding to <paramref name="problems"/> when it cannot be used.</summary>
    public static AdapterConfig? Read(string path, List<string> problems)
    {
        try
        {
            using JsonDocument document = JsonFile.Read(path);
            return new AdapterConfigReader(document.RootElement, Path.GetFileName(path), problems).Read();
        }
        catch (FormatException e)
        {
            problems.Add(e.Message);
            return null;
        }
    }

    private AdapterConfig? Read()
    {
        int before = _problems.Count;
        AdapterKind? kind = ReadKind();
        if (kind is null)
            return null;
        bool lora = kind == AdapterKind.Lora;
        RefuseWhatIsNotUnderstood(lora);
        int rank = Count("r");
        double alpha = Number("lora_alpha");
        TargetModules? targets = ReadTargets(lora);
        int experts = lora ? 1 : Count("expert_num");
        int tasks = lora ? 1 : Count("task_num");
        int dimension = lora ? 0 : Count("task_embedding_dim");
        int? topK = Has("moelora_top_k") ? Count("moelora_top_k") : null;
        if (rank > 0 && experts > 0 && rank % experts != 0)
            _problems.Add($"{_file}: r {rank} is not a multiple of expert_num {experts}.");
        if (topK > experts)
            _problems.Add($"{_file}: moelora_top_k {topK} is more than expert_num {experts}.");
        if (targets is null || _problems.Count > before)
            return null;
        return new AdapterConfig
        {
            Kind = kind.Value,
            Rank = rank,
            Alpha = alpha,
            RankStabilized = Flag("use_rslora"),
            Targets = targets,
            ExpertCount = experts,
            TaskCount = tasks,
            TaskEmbeddingDim = dimension,
            TopK = topK,
            BaseModelName = Has("base_model_name_or_path") ? _root.GetProperty("base_model_name_or_path").GetString() : null,
        };
    }

    private AdapterKind? ReadKind()
    {
        string? type = Has("peft_type") && _root.GetProperty("peft_type") is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;
        AdapterKind? kind = AdapterKinds.OfPeftType(type);
        if (kind is null)
            _problems.Add($"{_file}: peft_type is {(type is null ? "missing" : $"'{type}'")}; MMOELORAS, MMOELORA and LORA can be read.");
        return kind;
    }

    private void RefuseWhatIsNotUnderstood(bool lora)
    {
        foreach (JsonProperty property in _root.EnumerateObject())
        {
            JsonElement value = property.Value;
            if (value.ValueKind == JsonValueKind.Null || Harmless.Contains(property.Name))
                continue;
            if (Refused.TryGetValue(property.Name, out string? reason))
            {
                if (!IsOff(value))
                    _problems.Add($"{_file}: {property.Name} is {Text(value)}: {reason}.");
                continue;
            }

            switch (property.Name)
            {
                case "peft_type" or "r" or "lora_alpha" or "target_modules":
                    break;
                case "expert_num" or "task_num" or "task_embedding_dim" or "moelora_top_k" when !lora:
                    break;
                case "use_rslora":
                    if (value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
                        _problems.Add($"{_file}: use_rslora is {Text(value)}, not true or false.");
                    break;
                case "base_model_name_or_path":
                    if (value.ValueKind != JsonValueKind.String)
                        _problems.Add($"{_file}: base_model_name_or_path is {Text(value)}, not a text.");
                    break;
                case "bias":
                    if (!IsText(value, "none"))
                        _problems.Add($"{_file}: bias is {Text(value)}: trained biases are not supported, only 'none'.");
                    break;
                case "task_type":
                    if (!IsText(value, "CAUSAL_LM") && !IsText(value, "CAUSAL_LMS"))
                        _problems.Add($"{_file}: task_type is {Text(value)}; only causal language models can be served.");
                    break;
                case "init_lora_weights":
                    // pissa, olora, corda and loftq change the base weights, and the adapter fits only those.
                    if (value.ValueKind is not (JsonValueKind.True or JsonValueKind.False) && !IsText(value, "gaussian") && !IsText(value, "eva") && !IsText(value, "orthogonal"))
                        _problems.Add($"{_file}: init_lora_weights is {Text(value)}: such an adapter belongs to changed base weights; convert it to plain LoRA first.");
                    break;
                case "qalora_group_size":
                    break; // used with use_qalora only, which is refused
                default:
                    _problems.Add($"{_file}: the key {property.Name} ({Text(value)}) is not known; what it changes cannot be reproduced. Remove it if it changes nothing.");
                    break;
            }
        }
    }

    private TargetModules? ReadTargets(bool lora)
    {
        if (!Has("target_modules"))
        {
            _problems.Add($"{_file}: target_modules is missing; list the adapted modules.");
            return null;
        }

        JsonElement value = _root.GetProperty("target_modules");
        if (value.ValueKind == JsonValueKind.String)
        {
            try
            {
                return TargetModules.OfPattern(value.GetString()!);
            }
            catch (FormatException e)
            {
                _problems.Add($"{_file}: {e.Message}");
                return null;
            }
        }

        if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0
            && value.EnumerateArray().All(e => e.ValueKind == JsonValueKind.String && e.GetString()!.Length > 0))
            return TargetModules.OfNames(value.EnumerateArray().Select(e => e.GetString()!), plainSuffix: !lora);
        _problems.Add($"{_file}: target_modules is {Text(value)}, not a list of module names or a pattern.");
        return null;
    }

    private bool Has(string key) => _root.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null;

    private bool Flag(string key) => Has(key) && _root.GetProperty(key).ValueKind == JsonValueKind.True;

    private int Count(string key)
    {
        if (Has(key) && _root.GetProperty(key) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt32(out int number) && number is >= 1 and <= MaxCount)
            return number;
        _problems.Add($"{_file}: {key} is {(Has(key) ? Text(_root.GetProperty(key)) : "missing")}; a whole number from 1 to {MaxCount} is needed.");
        return 0;
    }

    private double Number(string key)
    {
        if (Has(key) && _root.GetProperty(key) is { ValueKind: JsonValueKind.Number } value && value.TryGetDouble(out double number) && double.IsFinite(number))
            return number;
        _problems.Add($"{_file}: {key} is {(Has(key) ? Text(_root.GetProperty(key)) : "missing")}; a number is needed.");
        return 0;
    }

    private static bool IsText(JsonElement value, string text) => value.ValueKind == JsonValueKind.String && value.ValueEquals(text);

    private static bool IsOff(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.False => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => value.GetPropertyCount() == 0,
        _ => false,
    };

    private static string Text(JsonElement value)
    {
        string raw = value.GetRawText();
        return raw.Length <= 60 ? raw : raw[..60] + "…";
    }
}
