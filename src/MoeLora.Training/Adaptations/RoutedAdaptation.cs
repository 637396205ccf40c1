using MoeLora.Models;
using MoeLora.Tensors;
using MoeLora.Training.Batches;
using MoeLora.Training.Networks;
using MoeLora.Training.Parameters;

namespace MoeLora.Training.Adaptations;

/// <summary>
/// MoLoRA (arXiv 2309.05444): the experts of an adapted layer are weighted for each token by a router on the layer's own input,
/// ω = softmax(W_r · x). It has no weights of a task that could be recovered before inference; it is here to be compared with.
/// </summary>
public sealed class RoutedAdaptation : Adaptation
{
    private readonly Device _device;
    private readonly RoutedLayer?[] _layers; // by the module's index
    private readonly LowRankPass _lowRank;
    private readonly RowBuffer _gateGradient, _omegaGradient, _scoreGradient;
    private readonly Tensor _expand; // [r, N]: α/r where the row belongs to the column's expert, else 0

    /// <summary>New experts as in <see cref="ExpertAdaptation"/>; routers ~ U(±1/√in).</summary>
    /// <param name="network">The base model.</param>
    /// <param name="settings">Shape; its gate and task embedding are not used.</param>
    /// <param name="seed">Of the initial values.</param>
    public RoutedAdaptation(Network network, ExpertSettings settings, int seed)
    {
        if ((settings with { Gate = GateKind.Shared }).FindProblems().FirstOrDefault() is { } problem)
            throw new ArgumentException(problem, nameof(settings));
        (_device, int rank, int experts) = (network.Device, settings.Rank, settings.ExpertCount);
        _lowRank = new LowRankPass(_device, rank, settings.Dropout);
        (_gateGradient, _omegaGradient, _scoreGradient) = (new RowBuffer(_device, rank), new RowBuffer(_device, experts), new RowBuffer(_device, experts));
        _layers = new RoutedLayer?[network.LinearModules.Count];
        foreach (LinearModule module in AdaptedModules.Choose(network.LinearModules, settings.TargetModules))
            _layers[module.Index] = new RoutedLayer(_device, module, settings, _lowRank, seed);
        _expand = _device.Allocate(DType.F32, rank, experts);
        float[] row = new float[experts];
        for (int k = 0; k < rank; k++)
        {
            Array.Clear(row);
            row[k / (rank / experts)] = (float)(settings.Alpha / rank);
            _device.WriteRow(row, _expand, k);
        }
        Parameters = [.. Layers.SelectMany(layer => new[] { layer.Experts.A, layer.Experts.B, layer.Router })];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    private IEnumerable<RoutedLayer> Layers => _layers.OfType<RoutedLayer>();

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        foreach (IDisposable part in (IEnumerable<IDisposable>)[.. Layers, _lowRank, _gateGradient, _omegaGradient, _scoreGradient, _expand])
            part.Dispose();
    }

    internal override void Begin(PassRows pass, ulong? dropoutSeed) => _lowRank.Begin(pass.Rows, dropoutSeed);

    internal override void Forward(LinearModule module, Tensor input, Tensor output)
    {
        if (_layers[module.Index] is not { } layer)
            return;
        int rows = _lowRank.Rows;
        Tensor omega = layer.Omega.Of(rows), gate = layer.Gate.Of(rows);
        _device.Linear(input, rows, [new LinearCall { Weight = layer.Router.Value, Output = omega }]); // [rows, N]
        _device.Softmax(omega, rows);
        _device.Linear(omega, rows, [new LinearCall { Weight = _expand, Output = gate }]);             // [rows, r]
        layer.Experts.Forward(input, gate, output);
    }

    internal override void Backward(LinearModule module, Tensor input, Tensor outputGradient, Tensor? inputGradient)
    {
        if (_layers[module.Index] is not { } layer)
            return;
        int rows = _lowRank.Rows;
        Tensor gradient = layer.Experts.BackwardGated(outputGradient), gateGradient = _gateGradient.Of(rows);
        _device.Multiply(layer.Experts.Reduced, gradient, 0, gateGradient, rows);
        layer.Experts.BackwardReduced(gradient, layer.Gate.Tensor, input, inputGradient);

        Tensor omegaGradient = _omegaGradient.Zeros(rows), scoreGradient = _scoreGradient.Zeros(rows);
        _device.LinearBackwardInput(gateGradient, _expand, omegaGradient, rows);
        _device.SoftmaxBackward(layer.Omega.Tensor, omegaGradient, scoreGradient, rows);
        _device.LinearBackwardWeight(scoreGradient, input, layer.Router.Gradient, rows);
        if (inputGradient is not null)
            _device.LinearBackwardInput(scoreGradient, layer.Router.Value, inputGradient, rows);
    }

    private sealed class RoutedLayer : IDisposable
    {
        public RoutedLayer(Device device, LinearModule module, ExpertSettings settings, LowRankPass pass, int seed)
        {
            Experts = new LowRankLayer(device, module, settings.Rank, pass, seed);
            Router = new Parameter(device, module.Name + ".router", settings.ExpertCount, module.InFeatures);
            (Omega, Gate) = (new RowBuffer(device, settings.ExpertCount), new RowBuffer(device, settings.Rank));
            Initialization.Dense(Router, seed);
        }

        public LowRankLayer Experts { get; }

        public Parameter Router { get; } // [N, in]

        public RowBuffer Omega { get; } // [rows, N]

        public RowBuffer Gate { get; } // [rows, r]

        public void Dispose()
        {
            Experts.Dispose();
            Omega.Dispose();
            Gate.Dispose();
        }
    }
}
