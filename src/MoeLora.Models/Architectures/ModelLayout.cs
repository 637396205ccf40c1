using MoeLora.Models.Checkpoints;
using MoeLora.Models.Configs;

namespace MoeLora.Models.Architectures;

/// <summary>What a tensor of a checkpoint is for: dense weights take the chosen dtype, the others stay F32.</summary>
internal enum WeightRole
{
    Dense,
    Norm,
    Bias,
}

/// <summary>One tensor that an architecture needs, under its published name; a vector has one row.</summary>
internal sealed record WeightSpec(string Name, WeightRole Role, int Rows, int Columns)
{
    public long Elements => (long)Rows * Columns;

    /// <summary>The shape as a checkpoint publishes it.</summary>
    public bool HasShape(IReadOnlyList<int> shape) => Role == WeightRole.Dense
        ? shape.Count == 2 && shape[0] == Rows && shape[1] == Columns
        : shape.Count == 1 && shape[0] == Columns;

    public string ShapeText => Role == WeightRole.Dense ? $"[{Rows}, {Columns}]" : $"[{Columns}]";
}

/// <summary>The tensors of one model by their published names: what a checkpoint of its config must hold, no more and no less.</summary>
/// <param name="Modules">The dense layers that adapters may adapt, in execution order.</param>
/// <param name="Weights">Every tensor, those of <paramref name="Modules"/> included.</param>
/// <param name="HarmlessSuffixes">Ends of the names of buffers that old files carry and that are computed here.</param>
/// <param name="TiedCopies">Tensors that a file may repeat, by name, with the tensor that they must equal.</param>
internal sealed record ModelLayout(
    IReadOnlyList<LinearModule> Modules,
    IReadOnlyList<WeightSpec> Weights,
    IReadOnlyList<string> HarmlessSuffixes,
    IReadOnlyDictionary<string, string> TiedCopies)
{
    /// <summary>The layout of a model with this config.</summary>
    public static ModelLayout Of(ModelConfig config) => config switch
    {
        LlamaConfig llama => LlamaLayout.Of(llama),
        ChatGlmConfig chatGlm => ChatGlmLayout.Of(chatGlm),
        _ => throw Unknown(config),
    };

    public static CheckpointException Unknown(ModelConfig config)
        => new($"There is no architecture for a {config.GetType().Name} (model type '{config.ModelType}').");
}
