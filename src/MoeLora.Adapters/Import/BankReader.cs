using System.Globalization;
using MoeLora.Adapters.Experts;
using MoeLora.Adapters.Gates;
using MoeLora.Models;
using MoeLora.Models.Checkpoints;

namespace MoeLora.Adapters.Import;

/// <summary>Builds an <see cref="Adapter"/> from a config and a checkpoint of either published format.</summary>
internal static class BankReader
{
    /// <summary>Reads everything, or returns null after adding every mismatch to <paramref name="problems"/>.</summary>
    /// <param name="checkpoint">The adapter's tensors.</param>
    /// <param name="config">Its config.</param>
    /// <param name="modules">The base model's modules; null takes the adapter's own word for them.</param>
    /// <param name="tasks">The tasks if they are named, else null: then the ids are the names.</param>
    /// <param name="problems">Where mismatches go.</param>
    public static Adapter? Read(Checkpoint checkpoint, AdapterConfig config, IReadOnlyList<LinearModule>? modules, IReadOnlyList<AdapterTask>? tasks, List<string> problems)
    {
        int before = problems.Count;
        var reader = new TensorReader(checkpoint, config, problems);
        if (reader.Count < config.ExpertCount)
        {
            problems.Add($"expert_num is {config.ExpertCount}, but {checkpoint.Files[0]} has only {reader.Count} tensors of the kind that peft_type names.");
            return null;
        }

        modules ??= OwnModules(reader, problems);
        foreach (string name in config.Targets.WithoutMatch(modules))
            problems.Add($"target_modules: '{name}' names no module of the base model that can be adapted.");
        reader.ReportStrays(modules.ToDictionary(m => m.Name, StringComparer.Ordinal));
        LinearModule[] adapted = [.. modules.Where(m => config.Targets.Match(m.Name))];
        if (adapted.Length == 0 && problems.Count == before)
            problems.Add("no module is adapted.");
        AdaptedModule?[] experts = Array.ConvertAll(adapted, reader.ReadModule);
        TaskGate?[] gates = ReadGates(reader, config.Kind, adapted);
        if (problems.Count > before)
            return null;
        return new Adapter(
            config.Kind,
            new ExpertBank(experts!, config.ExpertCount, config.Alpha, config.RankStabilized),
            gates!,
            tasks ?? DefaultTasks(config),
            TargetModules.Describe(adapted, modules),
            config.BaseModelName,
            config.Kind == AdapterKind.SharedGate ? adapted.Sum(m => reader.Elements(m.Name, TensorRole.Gate) + reader.Elements(m.Name, TensorRole.TaskEmbedding)) : 0);
    }

    private static TaskGate?[] ReadGates(TensorReader reader, AdapterKind kind, LinearModule[] adapted)
    {
        switch (kind)
        {
            case AdapterKind.SharedGate:
                // The per-layer copies that the authors also store are trained with nothing and used by nothing.
                return [reader.ReadGate("")];
            case AdapterKind.GatePerModule:
                reader.ReportTopLevelGate();
                return Array.ConvertAll(adapted, m => reader.ReadGate(m.Name));
            default:
                return [];
        }
    }

    private static AdapterTask[] DefaultTasks(AdapterConfig config) => config.Kind == AdapterKind.Lora
        ? [new AdapterTask(1, new TaskName("default"))]
        : [.. Enumerable.Range(1, config.TaskCount).Select(id => new AdapterTask(id, TaskName.OfId(id)))];

    private static LinearModule[] OwnModules(TensorReader reader, List<string> problems)
    {
        var modules = new List<LinearModule>();
        foreach (string name in reader.Modules.OrderBy(LayerOf).ThenBy(n => n, StringComparer.Ordinal))
        {
            if (reader.Shape(new TensorPlace(name, TensorRole.ExpertA, 0)) is { } a && reader.Shape(new TensorPlace(name, TensorRole.ExpertB, 0)) is { } b)
                modules.Add(new LinearModule(modules.Count, name, b.Rows, a.Columns));
            else
                problems.Add($"{name}: A or B of its first expert is missing or no matrix.");
        }

        return [.. modules];
    }

    private static int LayerOf(string module)
    {
        foreach (string part in module.Split('.'))
        {
            if (int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int layer))
                return layer;
        }

        return -1;
    }
}
