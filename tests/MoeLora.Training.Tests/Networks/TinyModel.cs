using System.Text.Json.Nodes;
using MoeLora.Models;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Configs;
using MoeLora.Tensors;
using MoeLora.Tensors.Cpu;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Batches;
using MoeLora.Training.Networks;
using MoeLora.Training.Parameters;

namespace MoeLora.Training.Tests.Networks;

/// <summary>A random model of a few thousand weights in a directory of its own, frozen or to be trained as a whole.</summary>
internal sealed class TinyModel : IDisposable
{
    /// <summary>Grouped-query attention, biases everywhere, an output layer of its own.</summary>
    public const string Llama = "llama";

    /// <summary>Biases on Q, K and V only, and the embedding table as output layer.</summary>
    public const string Tied = "qwen2";

    public const string ChatGlm = "chatglm";

    public const int Vocabulary = 27;

    private const int MaskId = 23, GMaskId = 24, StartId = 25, EndId = 26;

    public TinyModel(string kind)
    {
        Kind = kind;
        Directory = System.IO.Directory.CreateTempSubdirectory("moelora-tiny-").FullName;
        File.WriteAllText(Path.Combine(Directory, "config.json"), ConfigOf(kind).ToJsonString());
        Config = ModelConfigReader.Read(Directory);
        using var device = new CpuDevice(threads: 1);
        using Network network = Train(device);
        WriteWeights(network.Parameters.ToDictionary(parameter => parameter.Name, parameter => parameter.ToArray()));
    }

    public static TheoryData<string> Kinds => [Llama, Tied, ChatGlm];

    public string Kind { get; }

    public string Directory { get; }

    public ModelConfig Config { get; }

    /// <summary>The model with trained weights.</summary>
    public Network Train(Device device)
    {
        Network network = NetworkLoader.Create(Config, device, seed: 3);
        Randomise(network.Parameters);
        return network;
    }

    /// <summary>The model with frozen weights.</summary>
    public Network Freeze(Device device, DType weights = DType.F32) => NetworkLoader.Load(Directory, device, weights);

    /// <summary>Values of about the size that trained ones have, with no zeros, and norms around 1.</summary>
    public static void Randomise(IEnumerable<Parameter> parameters)
    {
        foreach (Parameter parameter in parameters)
        {
            bool isNorm = parameter.Name.Contains("norm", StringComparison.Ordinal) && parameter.Name.EndsWith("weight", StringComparison.Ordinal);
            Initialization.Normal(parameter, isNorm ? 0.1 : 0.35, seed: 11);
            if (isNorm)
                parameter.Set(Array.ConvertAll(parameter.ToArray(), value => 1 + value));
        }
    }

    /// <summary>Three samples of two tasks and different lengths; with virtual tokens before each prompt where the adaptation has them.</summary>
    public List<TrainingSample> Samples(Network network, PromptAdaptation? virtualTokens = null)
    {
        return [Sample([5, 9, 1, 14], [3, 8], 1), Sample([2, 11, 7, 7, 20, 6, 4], [12, 9, 10, EndId], 2), Sample([17, 5], [1, 19, EndId], 1)];

        TrainingSample Sample(int[] prompt, int[] answer, int task)
        {
            if (Kind == ChatGlm)
                prompt = [.. prompt, GMaskId, StartId];
            if (virtualTokens is not null)
                prompt = virtualTokens.Prepend(prompt);
            return new TrainingSample([.. prompt, .. answer], prompt.Length, task, network.ShapeOf(prompt));
        }
    }

    public static PackedBatch Pack(params IEnumerable<TrainingSample> samples) => PackedBatch.Pack(samples, int.MaxValue).Single();

    /// <summary>Writes other weights over the model's own.</summary>
    public void WriteWeights(IReadOnlyDictionary<string, float[]> weights)
    {
        SafetensorsWriter.Write(Path.Combine(Directory, "model.safetensors"), weights.Select(pair => new SafetensorsEntry(pair.Key, Shape(pair.Key, pair.Value.Length), pair.Value)));

        int[] Shape(string name, int count)
        {
            if (name.EndsWith(".bias", StringComparison.Ordinal) || name.Contains("norm", StringComparison.Ordinal))
                return [count];
            int columns = name.Contains("down_proj", StringComparison.Ordinal) || name.Contains("4h_to_h", StringComparison.Ordinal) ? Config.IntermediateSize : Config.HiddenSize;
            return [count / columns, columns];
        }
    }

    public void Dispose() => System.IO.Directory.Delete(Directory, recursive: true);

    private static JsonObject ConfigOf(string kind)
    {
        if (kind == ChatGlm)
        {
            return new JsonObject
            {
                ["model_type"] = kind,
                ["vocab_size"] = Vocabulary,
                ["hidden_size"] = 16,
                ["num_layers"] = 2,
                ["num_attention_heads"] = 2,
                ["inner_hidden_size"] = 24,
                ["bos_token_id"] = StartId,
                ["eos_token_id"] = EndId,
                ["mask_token_id"] = MaskId,
                ["gmask_token_id"] = GMaskId,
                ["pad_token_id"] = 0,
                ["max_sequence_length"] = 64,
                ["layernorm_epsilon"] = 1e-5,
                ["position_encoding_2d"] = true,
            };
        }
        var config = new JsonObject
        {
            ["model_type"] = kind,
            ["vocab_size"] = Vocabulary,
            ["hidden_size"] = 16,
            ["num_hidden_layers"] = 2,
            ["num_attention_heads"] = 4,
            ["num_key_value_heads"] = 2,
            ["intermediate_size"] = 24,
            ["rms_norm_eps"] = 1e-5,
            ["rope_theta"] = 10000.0,
            ["max_position_embeddings"] = 64,
            ["hidden_act"] = "silu",
            ["eos_token_id"] = EndId,
            ["tie_word_embeddings"] = kind == Tied,
        };
        if (kind == Llama)
            (config["attention_bias"], config["mlp_bias"]) = (true, true);
        return config;
    }
}
