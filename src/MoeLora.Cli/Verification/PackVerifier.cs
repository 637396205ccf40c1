using System.Globalization;
using MoeLora.Adapters;
using MoeLora.Adapters.Experts;
using MoeLora.Adapters.Gates;
using MoeLora.Cli.Running;
using MoeLora.Models;

namespace MoeLora.Cli.Verification;

/// <summary>Computes everything that a pack has values for, in every form in which it can be served, and compares.</summary>
internal sealed class PackVerifier
{
    // What float32 sums in another order may differ by, from the packs' own description.
    private const double LogitsTolerance = 1e-3;
    private const double GateTolerance = 1e-5;
    private const double WeightTolerance = 1e-5;

    private readonly ReferencePack _pack;
    private readonly LoadedModel _loaded;
    private readonly Adapter _adapter;
    private readonly ExpectedTensor[] _tensors;
    private readonly Comparison _base, _composedMerged, _composedShared, _taskMerged, _taskShared, _greedyMerged, _greedyShared;
    private readonly Comparison _gates = new("gate weights", "", GateTolerance);
    private readonly Comparison _weights = new("recovered weights", "merged", WeightTolerance);
    private readonly Comparison _trainable = new("trainable parameters", "", 0);
    private readonly Comparison _total = new("total parameters", "", 0);

    /// <param name="pack">What is expected.</param>
    /// <param name="loaded">The pack's model.</param>
    /// <param name="adapter">The pack's adapter.</param>
    /// <param name="exactWeights">Whether the model's weights are kept in float32: only then do the tolerances of logits and tokens apply.</param>
    /// <exception cref="CommandException">The pack names tasks or prompts that do not exist.</exception>
    public PackVerifier(ReferencePack pack, LoadedModel loaded, Adapter adapter, bool exactWeights)
    {
        _pack = pack;
        _loaded = loaded;
        _adapter = adapter;
        _tensors = [.. pack.TensorNames.Order(StringComparer.Ordinal).Select(ExpectedTensor.Parse)];
        RequireSound();
        _base = Logits("logits", "base");
        _taskMerged = Logits("task logits", "merged");
        _taskShared = Logits("task logits", "shared");
        _composedMerged = Logits("composed tasks' logits", "merged");
        _composedShared = Logits("composed tasks' logits", "shared");
        _greedyMerged = new Comparison("greedy tokens", "merged", 0, exactWeights);
        _greedyShared = new Comparison("greedy tokens", "shared", 0, exactWeights);

        Comparison Logits(string quantity, string form) => new(quantity, form, LogitsTolerance, exactWeights);
    }

    /// <summary>Compares everything.</summary>
    /// <returns>The comparisons that the pack offers.</returns>
    public IReadOnlyList<Comparison> Run(CancellationToken cancellation)
    {
        foreach (ExpectedTensor.BaseLogits expected in _tensors.OfType<ExpectedTensor.BaseLogits>())
            Compare(_base, expected.Name, expected.Prompt, new TaskModel(_loaded.Model));
        foreach (ExpectedTensor.Gate expected in _tensors.OfType<ExpectedTensor.Gate>())
            _gates.Add(expected.Name, _pack.Values(expected.Name).Values, GateOf(expected.Task));
        foreach (ExpectedTensor.RecoveredWeight expected in _tensors.OfType<ExpectedTensor.RecoveredWeight>())
            _weights.Add(expected.Name, _pack.Values(expected.Name).Values, _loaded.RecoverModule(_adapter, FindModule(expected.Module), _adapter.Tasks[expected.Task - 1]));
        CompareCounts();
        CompareTasks(cancellation);
        return [.. new[] { _base, _taskMerged, _taskShared, _composedMerged, _composedShared, _gates, _weights, _greedyMerged, _greedyShared, _trainable, _total }.Where(c => c.Compared > 0)];
    }

    /// <summary>What the pack has values for and nothing here computes, with the reason.</summary>
    public IEnumerable<NotCompared> FindNotCompared()
    {
        int gradients = _tensors.OfType<ExpectedTensor.Gradient>().Count();
        if (gradients > 0)
            yield return new NotCompared($"grad.* ({gradients} tensors)", "needs training");
        if (_pack.Expects.TrainBatch is not null)
            yield return new NotCompared("train_batch (loss)", "needs training");
        foreach (ExpectedTensor.Unknown unknown in _tensors.OfType<ExpectedTensor.Unknown>())
            yield return new NotCompared(unknown.Name, "the name means nothing to this program");
    }

    private void CompareTasks(CancellationToken cancellation)
    {
        ILookup<TaskSet, ExpectedTensor.TaskLogits> logits = _tensors.OfType<ExpectedTensor.TaskLogits>().ToLookup(tensor => tensor.Tasks);
        using DeviceBank bank = _adapter.ToDevice(_loaded.Model);
        foreach (TaskSet set in logits.Select(group => group.Key).Union(_pack.Expects.Greedy.Keys.Select(TaskSet.Parse)))
        {
            cancellation.ThrowIfCancellationRequested();
            AdapterTask[] tasks = Array.ConvertAll(set.Ids, id => _adapter.Tasks[id - 1]);
            TaskModel shared = _loaded.Share(_adapter, bank, tasks);
            TaskModel merged = _loaded.Merge(_adapter, tasks);
            using (merged.Model)
            {
                foreach (ExpectedTensor.TaskLogits expected in logits[set])
                {
                    Compare(set.IsComposed ? _composedMerged : _taskMerged, expected.Name, expected.Prompt, merged);
                    Compare(set.IsComposed ? _composedShared : _taskShared, expected.Name, expected.Prompt, shared);
                }

                if (!set.IsComposed && _pack.Expects.Greedy.TryGetValue(set.ToString(), out int[]? tokens))
                {
                    CompareTokens(_greedyMerged, set, tokens, merged);
                    CompareTokens(_greedyShared, set, tokens, shared);
                }
            }
        }
    }

    private void Compare(Comparison comparison, string name, int prompt, TaskModel model) =>
        comparison.Add(name, _pack.Values(name).Values, model.Logits(_pack.Expects.Prompts[prompt]));

    private void CompareTokens(Comparison comparison, TaskSet set, int[] expected, TaskModel model) =>
        comparison.Add($"greedy.{set}", expected, model.Greedy(_pack.Expects.Prompts[_pack.Expects.GreedyPrompt], expected.Length));

    private void CompareCounts()
    {
        // What training changes includes the per-layer gates that the shared-gate kind stores and never uses.
        long trainable = _adapter.ParameterCount + _adapter.IgnoredParameterCount;
        if (_pack.Expects.Trainable is { } expectedTrainable)
            _trainable.Add("trainable", expectedTrainable, trainable);
        if (_pack.Expects.Total is { } expectedTotal)
            _total.Add("total", expectedTotal, _loaded.Model.ParameterCount + trainable);
    }

    // The padding row belongs to no task, but a gate can be asked what it would say: as the only task of a gate of its own.
    private ReadOnlySpan<float> GateOf(int task)
    {
        if (task > 0)
            return _adapter.Weights(_adapter.Tasks[task - 1])[0].Values;
        TaskGate gate = _adapter.Gates[0];
        float[] padding = [.. new float[gate.Dimension], .. gate.TaskEmbeddings[..gate.Dimension]];
        return new TaskGate(1, gate.ExpertCount, gate.Dimension, padding, gate.Weight.ToArray(), gate.TopK).Weights(1).Values;
    }

    // A pack may leave out the part of the name between the layer's number and the module: model.layers.0.q_proj.
    private int FindModule(string name) => FindModules(name).Single();

    private IEnumerable<int> FindModules(string name)
    {
        int dot = name.LastIndexOf('.');
        for (int i = 0; i < _adapter.Bank.Modules.Count; i++)
        {
            LinearModule module = _adapter.Bank.Modules[i].Module;
            if (module.Name == name || (dot > 0 && module.ShortName == name[(dot + 1)..] && module.Name.StartsWith(name[..(dot + 1)], StringComparison.Ordinal)))
                yield return i;
        }
    }

    private void RequireSound()
    {
        var problems = new List<string>();
        int prompts = _pack.Expects.Prompts.Count, tasks = _adapter.Tasks.Count;
        foreach (ExpectedTensor tensor in _tensors)
        {
            (int[] tasksOf, int? prompt, int modules) = tensor switch
            {
                ExpectedTensor.BaseLogits t => ([], (int?)t.Prompt, 1),
                ExpectedTensor.TaskLogits t => (t.Tasks.Ids, t.Prompt, 1),
                ExpectedTensor.Gate t => (t.Task == 0 ? [] : [t.Task], null, _adapter.Gates.Count),
                ExpectedTensor.RecoveredWeight t => ([t.Task], null, FindModules(t.Module).Count()),
                _ => (Array.Empty<int>(), null, 1),
            };
            problems.AddRange(tasksOf.Where(task => task < 1 || task > tasks).Select(task => $"{tensor.Name} is of task {task}; the adapter's tasks are 1 to {tasks}."));
            if (prompt >= prompts)
                problems.Add($"{tensor.Name} is of prompt {prompt}; there are {prompts}.");
            if (modules != 1)
                problems.Add($"{tensor.Name} means {modules} of the adapter's modules or gates, not one.");
        }

        problems.AddRange(_pack.Expects.Greedy.Keys
            .Where(key => !int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int id) || id < 1 || id > tasks)
            .Select(key => $"greedy has tokens of task '{key}'; the adapter's tasks are 1 to {tasks}."));
        if (problems.Count > 0)
            throw new CommandException($"The pack '{_pack.Directory}' contradicts itself:\n  {string.Join("\n  ", problems)}");
    }
}
