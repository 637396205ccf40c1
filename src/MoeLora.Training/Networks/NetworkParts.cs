using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Tensors;
using MoeLora.Training.Parameters;

namespace MoeLora.Training.Networks;

/// <summary>What a network is made of. Owns weights and gradients.</summary>
internal sealed class NetworkParts : IDisposable
{
    private readonly Dictionary<Tensor, Tensor> _gradients = new(ReferenceEqualityComparer.Instance);

    /// <summary>Frozen weights, or trained ones with gradients of the same layout.</summary>
    public NetworkParts(ModelConfig config, ModelLayout layout, Device device, WeightSet weights, WeightSet? gradients)
    {
        (Config, Layout, Device, Weights, Gradients) = (config, layout, device, weights, gradients);
        if (gradients is null)
            return;
        foreach (WeightSpec spec in layout.Weights)
            _gradients.Add(weights[spec.Name], gradients[spec.Name]);
        Parameters = [.. layout.Weights.Select(spec => new Parameter(spec.Name, weights[spec.Name], gradients[spec.Name], spec.Role == WeightRole.Dense))];
    }

    public ModelConfig Config { get; }

    public ModelLayout Layout { get; }

    public Device Device { get; }

    public WeightSet Weights { get; }

    /// <summary>Null when the weights are frozen.</summary>
    public WeightSet? Gradients { get; }

    /// <summary>The weights when they are trained. They are views: the sets own the tensors.</summary>
    public IReadOnlyList<Parameter> Parameters { get; } = [];

    /// <summary>The gradient of a trained weight.</summary>
    public Tensor GradientOf(Tensor weight) => _gradients[weight];

    public void Dispose()
    {
        Weights.Dispose();
        Gradients?.Dispose();
    }
}
