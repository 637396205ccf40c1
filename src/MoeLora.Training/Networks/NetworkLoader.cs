using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Configs;
using MoeLora.Tensors;
using MoeLora.Training.Parameters;

namespace MoeLora.Training.Networks;

/// <summary>Makes networks: a published model, frozen, or a new one whose weights are all trained.</summary>
public static class NetworkLoader
{
    private const double Deviation = 0.02;

    /// <summary>Loads the model in a directory, frozen.</summary>
    /// <param name="directory">As published.</param>
    /// <param name="device">Where the weights go; it must outlive the network.</param>
    /// <param name="weights">How dense weights are kept; the base model of an adapter may be trained against any format.</param>
    /// <param name="progress">Told after each tensor.</param>
    /// <exception cref="CheckpointException">The files cannot be used, as for <see cref="ModelLoader"/>.</exception>
    public static Network Load(string directory, Device device, DType weights, IProgress<LoadProgress>? progress = null)
    {
        ModelConfig config = ModelConfigReader.Read(directory);
        ModelLayout layout = ModelLayout.Of(config);
        using Checkpoint checkpoint = Checkpoint.Open(directory);
        LayoutCheck.Require(layout, checkpoint);
        return Build(new NetworkParts(config, layout, device, WeightSet.FromCheckpoint(layout, checkpoint, device, weights, progress), null));
    }

    /// <summary>
    /// A new model to be trained as a whole: dense weights ~ N(0, 0.02²), those that write to the residual stream divided by √(2 · layers) (GPT-2's
    /// rule), norms 1, biases 0.
    /// </summary>
    public static Network Create(ModelConfig config, Device device, int seed)
    {
        ModelLayout layout = ModelLayout.Of(config);
        var network = Build(new NetworkParts(config, layout, device, WeightSet.Zeros(layout, device), WeightSet.Zeros(layout, device)));
        HashSet<string> residual = ["o_proj", "down_proj", "dense", "dense_4h_to_h"];
        foreach ((Parameter parameter, WeightSpec spec) in network.Parameters.Zip(layout.Weights))
        {
            if (spec.Role == WeightRole.Norm && !spec.Name.EndsWith(".bias", StringComparison.Ordinal))
                device.Fill(parameter.Value, 1, 1);
            if (spec.Role != WeightRole.Dense)
                continue;
            bool writesResidual = residual.Contains(spec.Name.Split('.')[^2]);
            Initialization.Normal(parameter, writesResidual ? Deviation / Math.Sqrt(2 * config.LayerCount) : Deviation, seed);
        }
        return network;
    }

    /// <summary>A frozen model of the given shape with random weights, as <see cref="ModelLoader.Random"/> makes it: for measuring speed and memory.</summary>
    public static Network Random(ModelConfig config, Device device, DType weights, int seed)
    {
        ModelLayout layout = ModelLayout.Of(config);
        return Build(new NetworkParts(config, layout, device, WeightSet.Random(layout, device, weights, seed), null));
    }

    private static Network Build(NetworkParts parts) => parts.Config switch
    {
        LlamaConfig llama => new LlamaNetwork(llama, parts),
        ChatGlmConfig chatGlm => new ChatGlmNetwork(chatGlm, parts),
        _ => throw ModelLayout.Unknown(parts.Config),
    };
}
