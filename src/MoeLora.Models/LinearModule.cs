namespace MoeLora.Models;

/// <summary>A dense layer that an adapter may adapt.</summary>
/// <param name="Index">Position in <see cref="CausalModel.LinearModules"/>.</param>
/// <param name="Name">The published module name without <c>.weight</c>, such as <c>model.layers.0.self_attn.q_proj</c>.</param>
/// <param name="OutFeatures">Rows of the weight.</param>
/// <param name="InFeatures">Columns of the weight.</param>
public sealed record LinearModule(int Index, string Name, int OutFeatures, int InFeatures)
{
    /// <summary>The last part of the name, which adapters' <c>target_modules</c> use: <c>q_proj</c>.</summary>
    public string ShortName => Name[(Name.LastIndexOf('.') + 1)..];
}
