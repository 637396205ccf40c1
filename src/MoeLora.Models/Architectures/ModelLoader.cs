using MoeLora.Models.Checkpoints;
using MoeLora.Models.Configs;
using MoeLora.Tensors;

namespace MoeLora.Models.Architectures;

/// <summary>Makes models: from published files, or with random weights for measurements.</summary>
public static class ModelLoader
{
    /// <summary>Loads the model in a directory: its <c>config.json</c> and its weights.</summary>
    /// <param name="directory">As published.</param>
    /// <param name="device">Where the weights go; it must outlive the model.</param>
    /// <param name="weights">How dense weights and the embedding table are kept; norms and biases are F32.</param>
    /// <param name="progress">Told after each tensor.</param>
    /// <exception cref="CheckpointException">The files cannot be used; see <see cref="Load(Checkpoint, ModelConfig, Device, DType, IProgress{LoadProgress}?)"/>.</exception>
    public static CausalModel Load(string directory, Device device, DType weights, IProgress<LoadProgress>? progress = null)
        => Load(directory, ModelConfigReader.Read(directory), device, weights, progress);

    /// <summary>Loads the weights in a directory as a model of the given config.</summary>
    /// <inheritdoc cref="Load(Checkpoint, ModelConfig, Device, DType, IProgress{LoadProgress}?)"/>
    public static CausalModel Load(string directory, ModelConfig config, Device device, DType weights, IProgress<LoadProgress>? progress = null)
    {
        using Checkpoint checkpoint = Checkpoint.Open(directory);
        return Load(checkpoint, config, device, weights, progress);
    }

    /// <summary>Loads a model from an open checkpoint, which may be disposed afterwards. Every tensor goes from the mapped file to the device once.</summary>
    /// <exception cref="CheckpointException">
    /// Tensors are missing, unexpected or mis-shaped for the config (all are listed, and nothing is loaded), or hold NaN, infinity or values that
    /// <paramref name="weights"/> cannot hold.
    /// </exception>
    public static CausalModel Load(Checkpoint checkpoint, ModelConfig config, Device device, DType weights, IProgress<LoadProgress>? progress = null)
    {
        ModelLayout layout = ModelLayout.Of(config);
        LayoutCheck.Require(layout, checkpoint);
        return Build(config, new ModelParts(config, layout, device, weights, WeightSet.FromCheckpoint(layout, checkpoint, device, weights, progress)));
    }

    /// <summary>A model of the given shape with weights ~ N(0, 0.02), norms 1 and biases 0: for measuring speed and memory.</summary>
    public static CausalModel Random(ModelConfig config, Device device, DType weights, int seed)
    {
        ModelLayout layout = ModelLayout.Of(config);
        return Build(config, new ModelParts(config, layout, device, weights, WeightSet.Random(layout, device, weights, seed)));
    }

    private static CausalModel Build(ModelConfig config, ModelParts parts)
    {
        try
        {
            return config switch
            {
                LlamaConfig llama => new LlamaModel(llama, parts),
                ChatGlmConfig chatGlm => new ChatGlmModel(chatGlm, parts),
                _ => throw ModelLayout.Unknown(config),
            };
        }
        catch
        {
            parts.Weights.Dispose();
            throw;
        }
    }
}
