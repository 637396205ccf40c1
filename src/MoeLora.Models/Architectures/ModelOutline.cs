using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;

namespace MoeLora.Models.Architectures;

/// <summary>What a model is made of, known from its config without loading it.</summary>
public sealed class ModelOutline
{
    private readonly ModelLayout _layout;

    private ModelOutline(ModelLayout layout) => _layout = layout;

    /// <summary>The dense layers that an adapter may adapt, equal to <see cref="CausalModel.LinearModules"/> of the loaded model.</summary>
    public IReadOnlyList<LinearModule> LinearModules => _layout.Modules;

    /// <summary>Parameters, tied embeddings counted once.</summary>
    public long ParameterCount => _layout.Weights.Sum(spec => spec.Elements);

    /// <summary>The outline of a model with this config.</summary>
    /// <exception cref="CheckpointException">There is no architecture for the config.</exception>
    public static ModelOutline Of(ModelConfig config) => new(ModelLayout.Of(config));

    /// <summary>
    /// Bytes that the loaded model's weights hold on a device, padding included: <see cref="CausalModel.ResidentBytes"/>. Allocates one tensor after the other for a moment
    /// and fills none.
    /// </summary>
    /// <param name="device">Where the model would be.</param>
    /// <param name="weights">How dense weights would be kept.</param>
    public long ResidentBytes(Device device, DType weights) => _layout.Weights.Sum(spec =>
    {
        using Tensor tensor = device.Allocate(spec.Role == WeightRole.Dense ? weights : DType.F32, spec.Rows, spec.Columns);
        return tensor.ResidentBytes;
    });

    /// <summary>Compares names and shapes with a checkpoint's; reads no weights, except to see that copies of tied tensors are copies.</summary>
    /// <exception cref="CheckpointException">Lists every missing, unexpected and mis-shaped tensor.</exception>
    public void Require(Checkpoint checkpoint) => LayoutCheck.Require(_layout, checkpoint);
}
