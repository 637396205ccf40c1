using MoeLora.Adapters;
using MoeLora.Adapters.Experts;
using MoeLora.Adapters.Gates;
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
    private readonly List<LinearModule> _modules;
    private readonly AdaptedLayer?[] _layers; // by the module's index
    private readonly List<RowGates> _gates = []; // one for all modules, or one for each
    private readonly LowRankPass _lowRank;
    private PassRows _pass = new();

    /// <summary>New experts: A ~ U(±1/√in), B zero, so that training begins at the base model.</summary>
    /// <param name="network">The base model.</param>
    /// <param name="settings">Shape and kind.</param>
    /// <param name="taskCount">Tasks; ids are 1 … taskCount.</param>
    /// <param name="seed">Of the initial values.</param>
    public ExpertAdaptation(Network network, ExpertSettings settings, int taskCount, int seed)
    {
        if (settings.FindProblems().FirstOrDefault() is { } problem)
            throw new ArgumentException(problem, nameof(settings));
        (Settings, TaskCount) = (settings, taskCount);
        _lowRank = new LowRankPass(network.Device, settings.Rank, settings.Dropout);
        _modules = [.. AdaptedModules.Choose(network.LinearModules, settings.TargetModules)];
        _layers = new AdaptedLayer?[network.LinearModules.Count];
        foreach (LinearModule module in _modules)
        {
            if (_gates.Count == 0 || settings.Gate == GateKind.PerModule)
                _gates.Add(new RowGates(network.Device, settings, NewGate(module)));
            _layers[module.Index] = new AdaptedLayer(new LowRankLayer(network.Device, module, settings.Rank, _lowRank, seed), _gates[^1]);
        }
        Parameters =
        [
            .. _modules.Select(Layer).SelectMany(layer => new[] { layer.A, layer.B }),
            .. TrainedGates.SelectMany(gate => new[] { gate.Embeddings, gate.Weight }),
        ];

        TrainedGate? NewGate(LinearModule module) => settings.Gate is GateKind.Shared or GateKind.PerModule
            ? new TrainedGate(network.Device, settings.Gate == GateKind.PerModule ? module.Name + "." : "", settings, taskCount, seed)
            : null;
    }

    /// <summary>Shape and kind.</summary>
    public ExpertSettings Settings { get; }

    /// <summary>Tasks; ids are 1 … TaskCount.</summary>
    public int TaskCount { get; }

    /// <summary>The adapted layers, in execution order.</summary>
    public IReadOnlyList<LinearModule> Modules => _modules;

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    private IEnumerable<TrainedGate> TrainedGates => _gates.Select(gates => gates.Gate).OfType<TrainedGate>();

    /// <summary>A [r, in] and B [out, r] of an adapted layer.</summary>
    /// <exception cref="ArgumentException">The module is not adapted.</exception>
    public (Parameter A, Parameter B) Layer(LinearModule module) => _layers[module.Index] is { Experts: { } experts }
        ? (experts.A, experts.B)
        : throw new ArgumentException($"{module.Name} is not adapted.", nameof(module));

    /// <summary>The experts and gates of an adapter, to be trained further or measured.</summary>
    /// <param name="network">The base model that the adapter was read for.</param>
    /// <param name="adapter">Copied.</param>
    /// <param name="dropout">Rate for further training.</param>
    /// <exception cref="ArgumentException">The adapter is scaled by α/√r, or was read for another model.</exception>
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
                TargetModules = adapter.TargetModules,
            },
            adapter.Tasks.Count,
            seed: 0);
        if (!result.Modules.SequenceEqual(bank.Modules.Select(module => module.Module)))
        {
            result.Dispose();
            throw new ArgumentException("The adapter was read for another model: its modules are not this one's.", nameof(adapter));
        }
        foreach (AdaptedModule module in bank.Modules)
        {
            (Parameter a, Parameter b) = result.Layer(module.Module);
            a.Set(module.A);
            b.Set(module.B);
        }
        foreach ((TrainedGate trained, TaskGate gate) in result.TrainedGates.Zip(adapter.Gates))
        {
            trained.Embeddings.Set(gate.TaskEmbeddings);
            trained.Weight.Set(gate.Weight);
        }
        return result;
    }

    /// <summary>
    /// What was trained, as the adapter that is published and served. Fixed weights (a uniform gate, or a plain LoRA of several tasks) become a
    /// shared gate of zeros, which gives the same.
    /// </summary>
    /// <param name="tasks">Names for the ids 1 … TaskCount.</param>
    /// <param name="baseModelName">Informative.</param>
    public Adapter ToAdapter(IReadOnlyList<TaskName> tasks, string? baseModelName = null)
    {
        if (tasks.Count != TaskCount)
            throw new ArgumentException($"{tasks.Count} names were given for {TaskCount} tasks.", nameof(tasks));
        AdapterKind kind = Settings.Gate switch
        {
            GateKind.PerModule => AdapterKind.GatePerModule,
            GateKind.None when TaskCount == 1 => AdapterKind.Lora,
            _ => AdapterKind.SharedGate,
        };
        TaskGate[] gates = [.. TrainedGates.Select(gate => gate.ToGate())];
        if (gates.Length == 0 && kind != AdapterKind.Lora)
            gates = [new TaskGate(TaskCount, Settings.Experts, 1, new float[TaskCount + 1], new float[Settings.Experts])];
        return new Adapter(
            kind,
            new ExpertBank([.. _modules.Select(ToModule)], Settings.Experts, Settings.Alpha),
            gates,
            [.. tasks.Select((name, i) => new AdapterTask(i + 1, name))],
            [.. Settings.TargetModules ?? _modules.Select(module => module.ShortName).Distinct()],
            baseModelName);

        AdaptedModule ToModule(LinearModule module) => new(module, Settings.Rank, Layer(module).A.ToArray(), Layer(module).B.ToArray());
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        foreach (LinearModule module in _modules)
            _layers[module.Index]?.Experts.Dispose();
        foreach (RowGates gates in _gates)
            gates.Dispose();
        _lowRank.Dispose();
    }

    internal override void Begin(PassRows pass, ulong? dropoutSeed)
    {
        _pass = pass;
        _lowRank.Begin(pass.Rows, dropoutSeed);
        foreach (RowGates gates in _gates)
            gates.Begin(pass, trains: dropoutSeed is not null);
    }

    internal override void Forward(LinearModule module, Tensor input, Tensor output)
    {
        if (_layers[module.Index] is var (experts, gates))
            experts.Forward(input, gates.Rows, output);
    }

    internal override void Backward(LinearModule module, Tensor input, Tensor outputGradient, Tensor? inputGradient)
    {
        if (_layers[module.Index] is not var (experts, gates))
            return;
        Tensor gradient = experts.BackwardGated(outputGradient);
        gates.Collect(experts.Reduced, gradient, _pass.Rows);
        experts.BackwardReduced(gradient, gates.Rows, input, inputGradient);
    }

    internal override void Finish()
    {
        foreach (RowGates gates in _gates)
            gates.Finish(_pass);
    }

    private sealed record AdaptedLayer(LowRankLayer Experts, RowGates Gates);
}
