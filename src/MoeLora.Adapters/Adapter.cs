using System.Globalization;
using MoeLora.Adapters.Bundles;
using MoeLora.Adapters.Experts;
using MoeLora.Adapters.Gates;
using MoeLora.Adapters.Summaries;
using MoeLora.Models;

namespace MoeLora.Adapters;

/// <summary>
/// An expert bank and its gate for one base model. For task j an adapted layer computes y = W0·x + (α/r) · B · (ω_j ∘ (A·x)).
/// Immutable.
/// </summary>
public sealed class Adapter
{
    private readonly TaskGate[] _gates;
    private readonly AdapterTask[] _tasks;
    private readonly Dictionary<string, AdapterTask> _byNameOrId = new(StringComparer.Ordinal);

    /// <summary>Puts an adapter together.</summary>
    /// <param name="kind">How the experts are gated.</param>
    /// <param name="bank">The experts.</param>
    /// <param name="gates">One for <see cref="AdapterKind.SharedGate"/>, one per module of the bank in its order for <see cref="AdapterKind.GatePerModule"/>, none for <see cref="AdapterKind.Lora"/>.</param>
    /// <param name="tasks">All tasks, with ids 1, 2, 3 … in order.</param>
    /// <param name="targetModules">The short or full module names that stand for the bank's modules in an <c>adapter_config.json</c>.</param>
    /// <param name="baseModelName">The base model's published name or path, if the adapter names one.</param>
    /// <param name="ignoredParameterCount">Stored parameters that nothing uses.</param>
    /// <exception cref="ArgumentException">The parts do not fit each other, or a task's name is the id of another.</exception>
    public Adapter(
        AdapterKind kind,
        ExpertBank bank,
        IReadOnlyList<TaskGate> gates,
        IReadOnlyList<AdapterTask> tasks,
        IReadOnlyList<string> targetModules,
        string? baseModelName = null,
        long ignoredParameterCount = 0)
    {
        _gates = [.. gates];
        _tasks = [.. tasks];
        int wanted = kind switch { AdapterKind.SharedGate => 1, AdapterKind.GatePerModule => bank.Modules.Count, _ => 0 };
        if (_gates.Length != wanted)
            throw new ArgumentException($"An adapter of kind {kind} has {wanted} gates, not {_gates.Length}.", nameof(gates));
        if (kind == AdapterKind.Lora && (bank.ExpertCount != 1 || _tasks.Length != 1))
            throw new ArgumentException("A plain LoRA has one expert and one task.", nameof(bank));
        if (_gates.Any(g => g.ExpertCount != bank.ExpertCount || g.TaskCount != _tasks.Length || g.TopK != _gates[0].TopK))
            throw new ArgumentException($"Every gate must have {bank.ExpertCount} experts, {_tasks.Length} tasks and the same top-k.", nameof(gates));
        if (TaskFaults(_tasks) is [var fault, ..])
            throw new ArgumentException(fault, nameof(tasks));

        foreach (AdapterTask task in _tasks)
        {
            _byNameOrId[task.Name.ToString()] = task;
            _byNameOrId[task.Id.ToString(CultureInfo.InvariantCulture)] = task;
        }

        Kind = kind;
        Bank = bank;
        TargetModules = targetModules;
        BaseModelName = baseModelName;
        IgnoredParameterCount = ignoredParameterCount;
    }

    /// <summary>How the experts are gated.</summary>
    public AdapterKind Kind { get; }

    /// <summary>The experts.</summary>
    public ExpertBank Bank { get; }

    /// <summary>The gates: one, one per adapted module, or none for a plain LoRA.</summary>
    public IReadOnlyList<TaskGate> Gates => _gates;

    /// <summary>All tasks; the ids are 1, 2, 3 … in order.</summary>
    public IReadOnlyList<AdapterTask> Tasks => _tasks;

    /// <summary>Short names (<c>q_proj</c>) where they stand for exactly the bank's modules, else full names.</summary>
    public IReadOnlyList<string> TargetModules { get; }

    /// <summary>The base model's published name or path, if the adapter names one. Informative only.</summary>
    public string? BaseModelName { get; }

    /// <summary>Experts kept by the sparse gate; null for the dense one.</summary>
    public int? TopK => _gates.Length == 0 ? null : _gates[0].TopK;

    /// <summary>Gate vectors per row in shared form: one per module for the multiple-gates kind, else 1.</summary>
    public int GateSlots => Math.Max(1, _gates.Length);

    /// <summary>Parameters of the experts, task embeddings and gates that are used.</summary>
    public long ParameterCount => Bank.ParameterCount + _gates.Sum(g => g.ParameterCount);

    /// <summary>Stored and trained-with parameters that nothing uses: the per-layer gates of the shared-gate kind.</summary>
    public long IgnoredParameterCount { get; }

    /// <summary>The manifest of the bundle that the adapter was read from; null when it was imported from another format.</summary>
    public BundleManifest? Manifest { get; private init; }

    /// <summary>What the adapter answers to its bundle's check prompts; null when it was not read from a bundle, or from one of format 1.</summary>
    public IReadOnlyList<BundleCheck>? Checks { get; private init; }

    /// <summary>The task with this name or this id as text, or null.</summary>
    public AdapterTask? FindTask(string nameOrId) => _byNameOrId.GetValueOrDefault(nameOrId);

    /// <summary>As <see cref="FindTask"/>.</summary>
    /// <exception cref="AdapterException">There is no such task; the message lists those that there are.</exception>
    public AdapterTask RequireTask(string nameOrId) =>
        FindTask(nameOrId) ?? throw new AdapterException($"The task '{nameOrId}'", [$"the adapter has no such task; its tasks are {string.Join(", ", _tasks.Select(t => t.ToString()))}."]);

    /// <summary>ω of a task for each gate slot; several tasks are composed by the mean of their embeddings.</summary>
    /// <exception cref="ArgumentException">No task, or one of another adapter.</exception>
    public IReadOnlyList<GateWeights> Weights(params ReadOnlySpan<AdapterTask> tasks)
    {
        if (tasks.IsEmpty)
            throw new ArgumentException("At least one task is needed.", nameof(tasks));
        int[] ids = new int[tasks.Length];
        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = tasks[i].Id;
            if (ids[i] < 1 || ids[i] > _tasks.Length || _tasks[ids[i] - 1] != tasks[i])
                throw new ArgumentException($"The task {tasks[i]} belongs to another adapter.", nameof(tasks));
        }

        return Kind == AdapterKind.Lora ? [GateWeights.One] : Array.ConvertAll(_gates, g => g.Weights(ids));
    }

    /// <summary>What rows of this task (or composed task) carry in shared form: for each slot (α/r) · ω, each ω_i repeated r/N times.</summary>
    /// <exception cref="ArgumentException">No task, or one of another adapter.</exception>
    public TaskGateRows GateRows(params ReadOnlySpan<AdapterTask> tasks) =>
        new([.. Weights(tasks).Select(w => w.ToRow(Bank.ExpertRank, Bank.Scaling))]);

    /// <summary>Copies the bank to the model's device, to be served in shared form with <see cref="GateRows"/>.</summary>
    /// <inheritdoc cref="ExpertBank.ToDevice"/>
    public DeviceBank ToDevice(CausalModel model, Tensors.DType? format = null) =>
        Bank.ToDevice(model, Kind == AdapterKind.GatePerModule, format);

    /// <summary>As <see cref="ToDevice"/>, in pieces of one module, so that the device does other work between them.</summary>
    /// <param name="model">The base model that the adapter was read for.</param>
    /// <param name="turn">Runs each piece.</param>
    /// <param name="cancellation">Stops between modules.</param>
    /// <exception cref="ArgumentException">The adapter was read for another model.</exception>
    public Task<DeviceBank> ToDeviceAsync(CausalModel model, DeviceTurn turn, CancellationToken cancellation = default) =>
        Bank.ToDeviceAsync(model, Kind == AdapterKind.GatePerModule, null, turn, cancellation);

    /// <summary>The tasks that change nothing: their delta is zero in every layer. Takes r² · (in + out) per module.</summary>
    public IReadOnlyList<AdapterTask> FindUntrainedTasks() =>
        [.. AdapterSummary.Create(this).Tasks.Where(task => task.DeltaNorm == 0).Select(task => task.Task)];

    /// <summary>Names what holds a NaN or an infinity: modules of the bank, and tasks by their gate weights.</summary>
    public IReadOnlyList<string> FindNotFinite() =>
    [
        .. Bank.Modules.Where(module => !IsFinite(module.A) || !IsFinite(module.B)).Select(module => module.Module.Name),
        .. _tasks.Where(task => Weights(task).Any(weights => weights.Any(weight => !float.IsFinite(weight)))).Select(task => $"the gate weights of task {task}"),
    ];

    private static bool IsFinite(ReadOnlySpan<float> values)
    {
        foreach (float value in values)
        {
            if (!float.IsFinite(value))
                return false;
        }

        return true;
    }

    /// <summary>The same adapter as read from a bundle.</summary>
    internal Adapter From(AdapterBundle bundle) =>
        new(Kind, Bank, _gates, _tasks, TargetModules, BaseModelName, IgnoredParameterCount) { Manifest = bundle.Manifest, Checks = bundle.Checks };

    /// <summary>What is wrong with a list of tasks: ids out of order, a name twice, a name that is the id of another task.</summary>
    internal static IReadOnlyList<string> TaskFaults(IReadOnlyList<AdapterTask> tasks)
    {
        var faults = new List<string>();
        var names = new Dictionary<string, int>(StringComparer.Ordinal);
        if (tasks.Count == 0)
            faults.Add("There is no task.");
        for (int i = 0; i < tasks.Count; i++)
        {
            string name = tasks[i].Name.ToString();
            if (tasks[i].Id != i + 1)
                faults.Add($"Task ids must be 1 to {tasks.Count} in order; position {i + 1} has {tasks[i].Id}.");
            if (name.Length == 0)
                faults.Add($"Task {tasks[i].Id} has no name.");
            else if (!names.TryAdd(name, tasks[i].Id))
                faults.Add($"Tasks {names[name]} and {tasks[i].Id} are both named '{name}'.");
            if (int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int id) && id != tasks[i].Id && id >= 1 && id <= tasks.Count)
                faults.Add($"Task {tasks[i].Id} is named '{name}', which is the id of another task.");
        }

        return faults;
    }
}
