using MoeLora.Adapters;
using MoeLora.Adapters.Experts;
using MoeLora.Models;
using MoeLora.Tensors;
using MoeLora.Training.Batches;
using MoeLora.Training.Networks;
using MoeLora.Training.Parameters;

namespace MoeLora.Training.Adaptations;

/// <summary>
/// Low-rank experts in every adapted layer and their gate: y += B · (g ∘ (A · dropout(x))) with g = (α/r) · ω of the row's task, each ω_i repeated
/// r/N times (arXiv 2310.18339, equations 5 to 7). Plain LoRA is one expert that weighs 1.
/// </summary>
public sealed class ExpertAdaptation : Adaptation
{
    private readonly Device _device;
    private readonly Dictionary<int, LowRankLayer> _layers = [];
    private readonly List<LinearModule> _modules;
    private readonly List<TrainedGate> _gates = [];
    private readonly List<RowBuffer> _gateRows = [], _gateGradients = [];
    private readonly LowRankScratch _scratch;
    private PassRows _pass = new();
    private ulong? _dropoutSeed;

    /// <summary>New experts: A ~ U(±1/√in), B zero, so that training begins at the base model.</summary>
    /// <param name="network">The base model.</param>
    /// <param name="settings">Shape and kind.</param>
    /// <param name="taskCount">Tasks; ids are 1 … taskCount.</param>
    /// <param name="seed">Of the initial values.</param>
    public ExpertAdaptation(Network network, ExpertSettings settings, int taskCount, int seed)
    {
        if (settings.FindProblems().FirstOrDefault() is { } problem)
            throw new ArgumentException(problem, nameof(settings));
        _device = network.Device;
        Settings = settings;
        TaskCount = taskCount;
        _scratch = new LowRankScratch(_device);
        _modules = [.. AdaptedModules.Choose(network.LinearModules, settings.TargetModules)];
        foreach (LinearModule module in _modules)
            _layers.Add(module.Index, new LowRankLayer(_device, module, settings.Rank, seed));
        int slots = settings.Gate == GateKind.PerModule ? _modules.Count : 1;
        for (int slot = 0; slot < slots; slot++)
        {
            if (LearnsGate)
                _gates.Add(new TrainedGate(_device, settings.Gate == GateKind.PerModule ? _modules[slot].Name + "." : "", settings, taskCount, seed));
            _gateRows.Add(new RowBuffer(_device, settings.Rank));
            _gateGradients.Add(new RowBuffer(_device, settings.Rank));
        }
        Parameters =
        [
            .. _modules.SelectMany(module => new[] { _layers[module.Index].A, _layers[module.Index].B }),
            .. _gates.SelectMany(gate => new[] { gate.Embeddings, gate.Weight }),
        ];
    }

    /// <summary>Shape and kind.</summary>
    public ExpertSettings Settings { get; }

    /// <summary>Tasks; ids are 1 … TaskCount.</summary>
    public int TaskCount { get; }

    /// <summary>The adapted layers, in execution order.</summary>
    public IReadOnlyList<LinearModule> Modules => _modules;

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    private bool LearnsGate => Settings.Gate is GateKind.Shared or GateKind.PerModule;

    /// <summary>A [r, in] and B [out, r] of an adapted layer.</summary>
    public (Parameter A, Parameter B) Layer(LinearModule module) => (_layers[module.Index].A, _layers[module.Index].B);

    /// <summary>The experts and gates of an adapter, to be trained further or measured.</summary>
    /// <param name="network">The base model that the adapter was read for.</param>
    /// <param name="adapter">Copied.</param>
    /// <param name="dropout">Rate for further training.</param>
    public static ExpertAdaptation From(Network network, Adapter adapter, float dropout = 0)
    {
        ExpertBank bank = adapter.Bank;
        if (bank.RankStabilized)
            throw new ArgumentException("Adapters scaled by α/√r are served, but not trained here: their scaling is not α/r.", nameof(adapter));
        var result = new ExpertAdaptation(
            network,
            new ExpertSettings
            {
                Gate = adapter.Kind switch { AdapterKind.SharedGate => GateKind.Shared, AdapterKind.GatePerModule => GateKind.PerModule, _ => GateKind.None },
                Rank = bank.Rank,
                ExpertCount = bank.ExpertCount,
                Alpha = bank.Alpha,
                Dropout = dropout,
                TaskEmbeddingDim = adapter.Gates.Count > 0 ? adapter.Gates[0].Dimension : 1,
                TopK = adapter.TopK,
                TargetModules = [.. bank.Modules.Select(module => module.Module.Name)],
            },
            adapter.Tasks.Count,
            seed: 0);
        foreach (AdaptedModule module in bank.Modules)
        {
            result._layers[module.Module.Index].A.Set(module.A);
            result._layers[module.Module.Index].B.Set(module.B);
        }
        for (int slot = 0; slot < adapter.Gates.Count; slot++)
        {
            result._gates[slot].Embeddings.Set(adapter.Gates[slot].TaskEmbeddings);
            result._gates[slot].Weight.Set(adapter.Gates[slot].Weight);
        }
        return result;
    }

    /// <summary>What was trained, as the adapter that is published and served. A uniform gate becomes a shared gate of zeros, which is the same.</summary>
    /// <param name="tasks">Names for the ids 1 … TaskCount.</param>
    /// <param name="baseModelName">Informative.</param>
    public Adapter ToAdapter(IReadOnlyList<TaskName> tasks, string? baseModelName = null)
    {
        if (tasks.Count != TaskCount)
            throw new ArgumentException($"{tasks.Count} names were given for {TaskCount} tasks.", nameof(tasks));
        int experts = Settings.Gate == GateKind.None ? 1 : Settings.ExpertCount;
        var bank = new ExpertBank(
            [.. _modules.Select(module => new AdaptedModule(module, Settings.Rank, _layers[module.Index].A.ToArray(), _layers[module.Index].B.ToArray()))], experts, Settings.Alpha);
        string[] targets = [.. Settings.TargetModules ?? [.. _modules.Select(module => module.ShortName).Distinct()]];
        AdapterKind kind = Settings.Gate switch { GateKind.PerModule => AdapterKind.GatePerModule, GateKind.None => AdapterKind.Lora, _ => AdapterKind.SharedGate };
        Adapters.Gates.TaskGate[] gates = Settings.Gate switch
        {
            GateKind.None => [],
            GateKind.Uniform => [new(TaskCount, experts, 1, new float[TaskCount + 1], new float[experts])],
            _ => [.. _gates.Select(gate => gate.ToGate())],
        };
        return new Adapter(kind, bank, gates, [.. tasks.Select((name, i) => new AdapterTask(i + 1, name))], targets, baseModelName);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        foreach (IDisposable part in (IEnumerable<IDisposable>)[.. _layers.Values, .. _gates, .. _gateRows, .. _gateGradients, _scratch])
            part.Dispose();
    }

    internal override void Begin(PassRows pass, ulong? dropoutSeed)
    {
        (_pass, _dropoutSeed) = (pass, Settings.Dropout > 0 ? dropoutSeed : null);
        for (int slot = 0; slot < _gateRows.Count; slot++)
        {
            Tensor rows = _gateRows[slot].Of(pass.Rows);
            if (LearnsGate)
            {
                _gates[slot].Forward();
                _device.Embed(_gates[slot].Table, pass.Tasks, rows);
            }
            else
            {
                int experts = Settings.Gate == GateKind.None ? 1 : Settings.ExpertCount;
                _device.Fill(rows, (float)(Settings.Alpha / Settings.Rank / experts), pass.Rows);
            }
            if (dropoutSeed is not null)
                _gateGradients[slot].Zeros(pass.Rows);
        }
    }

    internal override void Forward(LinearModule module, Tensor input, Tensor output)
    {
        if (!_layers.TryGetValue(module.Index, out LowRankLayer? layer))
            return;
        int rows = _pass.Rows;
        layer.Forward(Dropped(module, input), rows);
        Tensor gated = layer.Gated.Of(rows);
        _device.Multiply(layer.Reduced.Tensor, _gateRows[Slot(module)].Tensor, 0, gated, rows);
        _device.Linear(gated, rows, [new LinearCall { Weight = layer.B.Value, Output = output, Beta = 1 }]);
    }

    internal override void Backward(LinearModule module, Tensor input, Tensor outputGradient, Tensor? inputGradient)
    {
        if (!_layers.TryGetValue(module.Index, out LowRankLayer? layer))
            return;
        int rows = _pass.Rows, slot = Slot(module);
        Tensor gradient = _scratch.Narrow(Settings.Rank).Zeros(rows);
        _device.LinearBackwardInput(outputGradient, layer.B.Value, gradient, rows);
        _device.LinearBackwardWeight(outputGradient, layer.Gated.Tensor, layer.B.Gradient, rows);
        if (LearnsGate)
            _device.Multiply(layer.Reduced.Tensor, gradient, 1, _gateGradients[slot].Tensor, rows);
        _device.Multiply(gradient, _gateRows[slot].Tensor, 0, gradient, rows);
        _device.LinearBackwardWeight(gradient, Dropped(module, input), layer.A.Gradient, rows);
        if (inputGradient is null)
            return;
        if (_dropoutSeed is null)
        {
            _device.LinearBackwardInput(gradient, layer.A.Value, inputGradient, rows);
            return;
        }
        Tensor dropped = _scratch.Wide(module.InFeatures).Zeros(rows);
        _device.LinearBackwardInput(gradient, layer.A.Value, dropped, rows);
        _device.Dropout(dropped, Settings.Dropout, SeedOf(module), dropped, rows);
        _device.AddScaled(dropped, 1, inputGradient, rows);
    }

    internal override void Finish()
    {
        for (int slot = 0; slot < _gates.Count; slot++)
        {
            _device.ScatterAddRows(_gateGradients[slot].Tensor, _pass.Tasks, _gates[slot].TableGradient);
            _gates[slot].Backward();
        }
    }

    private int Slot(LinearModule module) => Settings.Gate == GateKind.PerModule ? _modules.IndexOf(module) : 0;

    private Tensor Dropped(LinearModule module, Tensor input)
    {
        if (_dropoutSeed is null)
            return input;
        Tensor dropped = _scratch.Wide(module.InFeatures).Of(_pass.Rows);
        _device.Dropout(input, Settings.Dropout, SeedOf(module), dropped, _pass.Rows);
        return dropped;
    }

    // Distinct for each module and pass; Dropout mixes the bits.
    private ulong SeedOf(LinearModule module) => unchecked(_dropoutSeed!.Value + (ulong)(module.Index + 1) * 0x9E3779B97F4A7C15);
}
