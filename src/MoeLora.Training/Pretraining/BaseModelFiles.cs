using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Configs;
using MoeLora.Tensors;
using MoeLora.Tensors.Numerics;
using MoeLora.Training.Networks;
using MoeLora.Training.Parameters;

namespace MoeLora.Training.Pretraining;

/// <summary>Writes a model that was trained from scratch as others publish theirs: <c>config.json</c> and <c>model.safetensors</c> in bfloat16.</summary>
public static class BaseModelFiles
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Writes both files into a directory that exists; older ones are replaced.</summary>
    /// <param name="directory">Where.</param>
    /// <param name="network">Made by <see cref="NetworkLoader.Create"/> from a <see cref="LlamaConfig"/>.</param>
    public static unsafe void Write(string directory, Network network)
    {
        if (network.Parameters.Count == 0 || network.Config is not LlamaConfig config)
            throw new ArgumentException("Only a Llama that was trained from scratch is written.", nameof(network));
        File.WriteAllText(Path.Combine(directory, "config.json"), ConfigJson(config).ToJsonString(Indented) + "\n");

        var pinned = new List<GCHandle>();
        try
        {
            var entries = new List<SafetensorsEntry>();
            foreach (Parameter parameter in network.Parameters)
            {
                ushort[] bits = Array.ConvertAll(parameter.ToArray(), Bf16.FromSingle);
                GCHandle handle = GCHandle.Alloc(bits, GCHandleType.Pinned);
                pinned.Add(handle);
                (int rows, int columns) = (parameter.Value.Rows, parameter.Value.Columns);
                int[] shape = parameter.Decays ? [rows, columns] : [columns];
                entries.Add(new SafetensorsEntry(parameter.Name, shape, new TensorView((void*)handle.AddrOfPinnedObject(), DType.BF16, rows, columns)));
            }
            SafetensorsWriter.Write(Path.Combine(directory, "model.safetensors"), entries, new Dictionary<string, string> { ["format"] = "pt" });
        }
        finally
        {
            pinned.ForEach(handle => handle.Free());
        }
    }

    private static JsonObject ConfigJson(LlamaConfig config) => new()
    {
        ["architectures"] = new JsonArray("LlamaForCausalLM"),
        ["model_type"] = config.ModelType,
        ["vocab_size"] = config.VocabularySize,
        ["hidden_size"] = config.HiddenSize,
        ["intermediate_size"] = config.IntermediateSize,
        ["num_hidden_layers"] = config.LayerCount,
        ["num_attention_heads"] = config.HeadCount,
        ["num_key_value_heads"] = config.KeyValueHeadCount,
        ["head_dim"] = config.HeadDim,
        ["max_position_embeddings"] = config.MaxPositions,
        ["rms_norm_eps"] = double.Parse(config.NormEpsilon.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture),
        ["rope_theta"] = config.RopeTheta,
        ["hidden_act"] = "silu",
        ["attention_bias"] = config.OutputBias,
        ["mlp_bias"] = config.MlpBias,
        ["tie_word_embeddings"] = config.TieWordEmbeddings,
        ["eos_token_id"] = config.EndTokenIds[0],
        ["torch_dtype"] = "bfloat16",
    };
}
