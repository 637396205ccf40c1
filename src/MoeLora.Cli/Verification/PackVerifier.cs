using System.Globalization;
using MoeLora.Adapters;
using MoeLora.Adapters.Experts;
using MoeLora.Adapters.Gates;
using MoeLora.Cli.Running;
using MoeLora.Engine.Generation;
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
    private readonly TrainingComparison _training;

    /// <param name="pack">What is expected.</param>
    /// <param name="loaded">The pack's model.</param>
    /// <param name="adapter">The pack's adapter.</param>
    /// <param name="exactWeights">Whether the model's weights are kept in float32: only then do the tolerances of logits, tokens, loss and gradients apply.</param>
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
        _training = new TrainingComparison(pack, adapter, exactWeights);

        Comparison Logits(string quantity, string form) => new(quantity, form, LogitsTolerance, exactWeights);
    }

    /// <summary>Compares everything.</summary>
    /// <returns>The comparisons that the pack offers.</returns>
    public IReadOnlyList<Comparison> Run(CancellationToken cancellation)
    {
        foreach (ExpectedTensor.BaseLogits expected in _tensors.OfType<ExpectedTensor.BaseLogits>())
            Compare(_base, expected.Name, expected.Prompt, TaskModel.Own(_loaded.Model));
        foreach (ExpectedTensor.Gate expected in _tensors.OfType<ExpectedTensor.Gate>())
            _gates.Add(expected.Name, Expected(expected.Name), GateOf(expected.Task));
        foreach (ExpectedTensor.RecoveredWeight expected in _tensors.OfType<ExpectedTensor.RecoveredWeight>())
            _weights.Add(expected.Name, Expected(expected.Name), _loaded.RecoverModule(_adapter, FindModule(expected.Module), _adapter.Tasks[expected.Task - 1]));
        CompareCounts();
        CompareTasks(cancellation);
        if (_pack.Expects.TrainBatch is { } batch)
            _training.Run(batch, _tensors, _loaded.Model.Device, _loaded.Model.WeightFormat);
        Comparison[] all =
            [_base, _taskMerged, _taskShared, _composedMerged, _composedShared, _gates, _weights, _greedyMerged, _greedyShared, _trainable, _total, .. _training.Comparisons];
        return [.. all.Where(comparison => comparison.Compared > 0)];
    }

    /// <summary>What the pack has values for and nothing here computes, with the reason.</summary>
    public IEnumerable<NotCompared> FindNotCompared()
    {
        int gradients = _tensors.Count(tensor => tensor is ExpectedTensor.ExpertGradient or ExpectedTensor.GateGradient);
        if (gradients > 0 && _pack.Expects.TrainBatch is null)
            yield return new NotCompared($"grad.* ({gradients} tensors)", "the pack has no train_batch that they are of");
        foreach (ExpectedTensor.Unknown unknown in _tensors.OfType<ExpectedTensor.Unknown>())
            yield return new NotCompared(unknown.Name, "the name means nothing to this program");
    }

    private void CompareTasks(CancellationToken cancellation)
    {
        ILookup<TaskSet, ExpectedTensor.TaskLogits> logits = _tensors.OfType<ExpectedTensor.TaskLogits>().ToLookup(tensor => tensor.Tasks);
        using var generator = new Generator(_loaded.Model, tokenizer: null);
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
                    CompareTokens(generator, _greedyMerged, set, tokens, merged);
                    CompareTokens(generator, _greedyShared, set, tokens, shared);
                }
            }
        }
    }

    private float[] Expected(string name) => _pack.Values(name, _loaded.Model.Device);

    private void Compare(Comparison comparison, string name, int prompt, TaskModel model) =>
        comparison.Add(name, Expected(name), model.Logits(_pack.Expects.Prompts[prompt]));

    private void CompareTokens(Generator generator, Comparison comparison, TaskSet set, int[] expected, TaskModel model) =>
        comparison.Add($"greedy.{set}", expected, GreedyTokens.Generate(generator, model, _pack.Expects.Prompts[_pack.Expects.GreedyPrompt], expected.Length));

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
        foreach (ExpectedTensor tensor in _tensors)
        {
            switch (tensor)
            {
                case ExpectedTensor.BaseLogits logits:
                    CheckPrompt(logits.Name, logits.Prompt);
                    break;
                case ExpectedTensor.TaskLogits logits:
                    CheckPrompt(logits.Name, logits.Prompt);
                    CheckTasks(logits.Name, 1, logits.Tasks.Ids);
                    break;
                case ExpectedTensor.Gate gate:
                    CheckTasks(gate.Name, 0, gate.Task);
                    CheckOneGate(gate.Name);
                    break;
                case ExpectedTensor.GateGradient gradient:
                    CheckOneGate(gradient.Name);
                    break;
                case ExpectedTensor.ExpertGradient gradient:
                    if (!_adapter.Bank.Modules.Any(module => module.Module.Name == gradient.Module))
                        problems.Add($"{gradient.Name} is of a module that the adapter does not adapt.");
                    if (gradient.Expert >= _adapter.Bank.ExpertCount)
                        problems.Add($"{gradient.Name} is of expert {gradient.Expert}; the adapter has {_adapter.Bank.ExpertCount}, from 0.");
                    break;
                case ExpectedTensor.RecoveredWeight weight:
                    CheckTasks(weight.Name, 1, weight.Task);
                    if (FindModules(weight.Module).Count() is int modules && modules != 1)
                        problems.Add($"{weight.Name} means {modules} of the adapter's modules, not one.");
                    break;
            }
        }

        foreach (string key in _pack.Expects.Greedy.Keys)
        {
            if (int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int task))
                CheckTasks($"greedy '{key}'", 1, task);
            else
                problems.Add($"greedy '{key}' is not a task id.");
        }

        problems.AddRange(_pack.Expects.TrainBatch?.FindProblems(_adapter.Tasks.Count) ?? []);
        if (problems.Count > 0)
            throw new CommandException($"The pack '{_pack.Directory}' contradicts itself:\n  {string.Join("\n  ", problems)}");

        void CheckOneGate(string name)
        {
            if (_adapter.Gates.Count != 1)
                problems.Add($"{name} is of the one gate of an adapter; this one has {_adapter.Gates.Count}.");
        }

        void CheckPrompt(string name, int prompt)
        {
            if (prompt >= _pack.Expects.Prompts.Count)
                problems.Add($"{name} is of prompt {prompt}; there are {_pack.Expects.Prompts.Count}.");
        }

        void CheckTasks(string name, int first, params ReadOnlySpan<int> tasks)
        {
            foreach (int task in tasks)
            {
                if (task < first || task > _adapter.Tasks.Count)
                    problems.Add($"{name} is of task {task}; the adapter's tasks are 1 to {_adapter.Tasks.Count}.");
            }
        }
    }
}
