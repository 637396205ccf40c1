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
    private readonly ExpertSettings _settings;
    private readonly List<LinearModule> _modules;
    private readonly Dictionary<int, RoutedLayer> _layers = [];
    private readonly LowRankScratch _scratch;
    private readonly Tensor _expand; // [r, N]: α/r where the row belongs to the column's expert, else 0
    private int _rows;
    private ulong? _dropoutSeed;

    /// <summary>New experts as in <see cref="ExpertAdaptation"/>; routers ~ U(±1/√in).</summary>
    /// <param name="network">The base model.</param>
    /// <param name="settings">Shape; its gate and task embedding are not used.</param>
    /// <param name="seed">Of the initial values.</param>
    public RoutedAdaptation(Network network, ExpertSettings settings, int seed)
    {
        if (settings.FindProblems().FirstOrDefault() is { } problem)
            throw new ArgumentException(problem, nameof(settings));
        (_device, _settings) = (network.Device, settings);
        _scratch = new LowRankScratch(_device);
        _modules = [.. AdaptedModules.Choose(network.LinearModules, settings.TargetModules)];
        foreach (LinearModule module in _modules)
            _layers.Add(module.Index, new RoutedLayer(_device, module, settings, seed));
        _expand = _device.Allocate(DType.F32, settings.Rank, settings.ExpertCount);
        float[] row = new float[settings.ExpertCount];
        for (int k = 0; k < settings.Rank; k++)
        {
            Array.Clear(row);
            row[k / (settings.Rank / settings.ExpertCount)] = (float)(settings.Alpha / settings.Rank);
            _device.WriteRow(row, _expand, k);
        }
        Parameters = [.. _modules.Select(module => _layers[module.Index]).SelectMany(layer => new[] { layer.Experts.A, layer.Experts.B, layer.Router })];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        foreach (RoutedLayer layer in _layers.Values)
            layer.Dispose();
        _scratch.Dispose();
        _expand.Dispose();
    }

    internal override void Begin(PassRows pass, ulong? dropoutSeed) => (_rows, _dropoutSeed) = (pass.Rows, _settings.Dropout > 0 ? dropoutSeed : null);

    internal override void Forward(LinearModule module, Tensor input, Tensor output)
    {
        if (!_layers.TryGetValue(module.Index, out RoutedLayer? layer))
            return;
        Tensor omega = layer.Omega.Of(_rows), gate = layer.Gate.Of(_rows), gated = layer.Experts.Gated.Of(_rows);
        _device.Linear(input, _rows, [new LinearCall { Weight = layer.Router.Value, Output = omega }]);  // [rows, N]
        _device.Softmax(omega, _rows);
        _device.Linear(omega, _rows, [new LinearCall { Weight = _expand, Output = gate }]);              // [rows, r]
        layer.Experts.Forward(Dropped(module, input), _rows);                                            // [rows, r]
        _device.Multiply(layer.Experts.Reduced.Tensor, gate, 0, gated, _rows);
        _device.Linear(gated, _rows, [new LinearCall { Weight = layer.Experts.B.Value, Output = output, Beta = 1 }]);
    }

    internal override void Backward(LinearModule module, Tensor input, Tensor outputGradient, Tensor? inputGradient)
    {
        if (!_layers.TryGetValue(module.Index, out RoutedLayer? layer))
            return;
        LowRankLayer experts = layer.Experts;
        Tensor gradient = _scratch.Narrow(_settings.Rank).Zeros(_rows), gateGradient = _scratch.Wide(_settings.Rank).Of(_rows);
        _device.LinearBackwardInput(outputGradient, experts.B.Value, gradient, _rows);
        _device.LinearBackwardWeight(outputGradient, experts.Gated.Tensor, experts.B.Gradient, _rows);
        _device.Multiply(experts.Reduced.Tensor, gradient, 0, gateGradient, _rows);
        _device.Multiply(gradient, layer.Gate.Tensor, 0, gradient, _rows);
        _device.LinearBackwardWeight(gradient, Dropped(module, input), experts.A.Gradient, _rows);

        Tensor omegaGradient = layer.OmegaGradient.Zeros(_rows), scores = layer.ScoreGradient.Zeros(_rows);
        _device.LinearBackwardInput(gateGradient, _expand, omegaGradient, _rows);
        _device.SoftmaxBackward(layer.Omega.Tensor, omegaGradient, scores, _rows);
        _device.LinearBackwardWeight(scores, input, layer.Router.Gradient, _rows);
        if (inputGradient is null)
            return;
        _device.LinearBackwardInput(scores, layer.Router.Value, inputGradient, _rows);
        if (_dropoutSeed is null)
        {
            _device.LinearBackwardInput(gradient, experts.A.Value, inputGradient, _rows);
            return;
        }
        Tensor dropped = layer.Dropped.Zeros(_rows);
        _device.LinearBackwardInput(gradient, experts.A.Value, dropped, _rows);
        _device.Dropout(dropped, _settings.Dropout, SeedOf(module), dropped, _rows);
        _device.AddScaled(dropped, 1, inputGradient, _rows);
    }

    private Tensor Dropped(LinearModule module, Tensor input)
    {
        if (_dropoutSeed is null)
            return input;
        Tensor dropped = _layers[module.Index].Dropped.Of(_rows);
        _device.Dropout(input, _settings.Dropout, SeedOf(module), dropped, _rows);
        return dropped;
    }

    private ulong SeedOf(LinearModule module) => unchecked(_dropoutSeed!.Value + (ulong)(module.Index + 1) * 0x9E3779B97F4A7C15);

    private sealed class RoutedLayer : IDisposable
    {
        public RoutedLayer(Device device, LinearModule module, ExpertSettings settings, int seed)
        {
            Experts = new LowRankLayer(device, module, settings.Rank, seed);
            Router = new Parameter(device, module.Name + ".router", settings.ExpertCount, module.InFeatures);
            Initialization.Dense(Router, seed);
            (Omega, OmegaGradient, ScoreGradient) = (new RowBuffer(device, settings.ExpertCount), new RowBuffer(device, settings.ExpertCount), new RowBuffer(device, settings.ExpertCount));
            Gate = new RowBuffer(device, settings.Rank);
            Dropped = new RowBuffer(device, module.InFeatures);
        }

        public LowRankLayer Experts { get; }

        public Parameter Router { get; } // [N, in]

        public RowBuffer Omega { get; }

        public RowBuffer OmegaGradient { get; }

        public RowBuffer ScoreGradient { get; }

        public RowBuffer Gate { get; }

        public RowBuffer Dropped { get; }

        public void Dispose()
        {
            foreach (IDisposable part in (IEnumerable<IDisposable>)[Experts, Omega, OmegaGradient, ScoreGradient, Gate, Dropped])
                part.Dispose();
        }
    }
}
