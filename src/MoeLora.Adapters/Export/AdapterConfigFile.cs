using System.Text.Json;

namespace MoeLora.Adapters.Export;

/// <summary>Writes <c>adapter_config.json</c> with the authors' keys, or PEFT's for a plain LoRA.</summary>
internal static class AdapterConfigFile
{
    /// <summary>Writes the config of <paramref name="adapter"/> as it is.</summary>
    public static void Write(string path, Adapter adapter) => Write(path, adapter, adapter.Kind, adapter.BaseModelName);

    /// <summary>Writes the config of one of the adapter's tasks as a plain LoRA.</summary>
    public static void WriteLora(string path, Adapter adapter, string? baseModelName) => Write(path, adapter, AdapterKind.Lora, baseModelName);

    private static void Write(string path, Adapter adapter, AdapterKind kind, string? baseModelName)
    {
        bool lora = kind == AdapterKind.Lora;
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write);
        using (var json = new Utf8JsonWriter(file, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteString("peft_type", kind.PeftType());
            json.WriteString("task_type", lora ? "CAUSAL_LM" : "CAUSAL_LMS");
            json.WriteString("base_model_name_or_path", baseModelName);
            json.WriteBoolean("inference_mode", true);
            json.WriteNumber("r", adapter.Bank.Rank);
            if (adapter.Bank.Alpha == Math.Truncate(adapter.Bank.Alpha) && Math.Abs(adapter.Bank.Alpha) < 1e9)
                json.WriteNumber("lora_alpha", (long)adapter.Bank.Alpha); // some readers take whole numbers only
            else
                json.WriteNumber("lora_alpha", adapter.Bank.Alpha);
            json.WriteNumber("lora_dropout", 0);
            json.WriteBoolean("fan_in_fan_out", false);
            json.WriteString("bias", "none");
            json.WriteNull("modules_to_save");
            json.WriteBoolean("init_lora_weights", true);
            if (adapter.Bank.RankStabilized)
                json.WriteBoolean("use_rslora", true);
            json.WriteStartArray("target_modules");
            foreach (string name in adapter.TargetModules)
                json.WriteStringValue(name);
            json.WriteEndArray();
            if (!lora)
            {
                json.WriteNumber("task_num", adapter.Tasks.Count);
                json.WriteNumber("task_embedding_dim", adapter.Gates[0].Dimension);
                json.WriteNumber("expert_num", adapter.Bank.ExpertCount);
                if (adapter.TopK is { } topK)
                    json.WriteNumber("moelora_top_k", topK);
            }

            json.WriteEndObject();
        }

        file.Flush(flushToDisk: true);
    }
}
