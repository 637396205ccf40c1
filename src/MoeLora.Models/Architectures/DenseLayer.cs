using MoeLora.Tensors;

namespace MoeLora.Models.Architectures;

/// <summary>The resident weights of a module.</summary>
/// <param name="Module"><see cref="LinearModule.Index"/>.</param>
/// <param name="Weight">[out, in].</param>
/// <param name="Bias">[1, out] F32, or null.</param>
internal readonly record struct DenseLayer(int Module, Tensor Weight, Tensor? Bias);
