using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using MoeLora.Adapters.Experts;
using MoeLora.Adapters.Gates;
using MoeLora.Models;
using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;

namespace MoeLora.Adapters.Import;

/// <summary>
/// Finds an adapter's tensors in a checkpoint, checks each against the config and the base model, and copies them to the host.
/// Collects every problem; what it returns is only complete when it added none.
/// </summary>
internal sealed class TensorReader
{
    private readonly Checkpoint _checkpoint;
    private readonly AdapterConfig _config;
    private readonly List<string> _problems;
    private readonly Dictionary<TensorPlace, List<CheckpointTensor>> _places = [];
    private readonly HashSet<string> _modules;

    public TensorReader(Checkpoint checkpoint, AdapterConfig config, List<string> problems)
    {
        _checkpoint = checkpoint;
        _config = config;
        _problems = problems;
        foreach (CheckpointTensor tensor in checkpoint.Tensors.Values.OrderBy(t => t.Name, StringComparer.Ordinal))
        {
            if (TensorNames.Parse(tensor.Name, config.Kind) is not { } place)
                problems.Add($"{tensor.Name}: nothing uses this tensor; it is not part of the format of {config.Kind.PeftType()} adapters.");
            else if (_places.TryGetValue(place, out List<CheckpointTensor>? names))
                names.Add(tensor);
            else
                _places.Add(place, [tensor]);
        }

        _modules = [.. _places.Keys.Where(p => p.Role is TensorRole.ExpertA or TensorRole.ExpertB).Select(p => p.Module)];
    }

    /// <summary>Modules that have an A or a B.</summary>
    public IReadOnlyCollection<string> Modules => _modules;

    /// <summary>Distinct tensors that belong to the format.</summary>
    public int Count => _places.Count;

    /// <summary>Elements of the tensors at one place, counted once however many names they have.</summary>
    public long Elements(string module, TensorRole role) =>
        _places.TryGetValue(new TensorPlace(module, role, 0), out List<CheckpointTensor>? names)
            ? names[0].Shape.Aggregate(1L, (product, size) => product * size)
            : 0;

    /// <summary>The shape of one place, when it is there and two-dimensional.</summary>
    public (int Rows, int Columns)? Shape(TensorPlace place) =>
        _places.TryGetValue(place, out List<CheckpointTensor>? names) && names[0].Shape is [var rows, var columns] ? (rows, columns) : null;

    /// <summary>Places whose module is not adapted or not there, or whose expert number is too high: for the problem list.</summary>
    public void ReportStrays(IReadOnlyDictionary<string, LinearModule> baseModules)
    {
        foreach (IGrouping<string, TensorPlace> group in _places.Keys.Where(p => p.Module.Length > 0).GroupBy(p => p.Module))
        {
            if (!baseModules.ContainsKey(group.Key))
                _problems.Add($"{group.Key}: the base model has no such module ({group.Count()} tensors).");
            else if (!_config.Targets.Match(group.Key))
                _problems.Add($"{group.Key}: there are {group.Count()} tensors for it, but target_modules does not name it.");
            foreach (TensorPlace place in group.Where(p => p.Expert >= _config.ExpertCount))
                _problems.Add($"{TensorNames.Format(place, _config.Kind)}: expert {place.Expert} of an adapter with expert_num {_config.ExpertCount}.");
        }
    }

    /// <summary>Stacks the experts of one module.</summary>
    public AdaptedModule? ReadModule(LinearModule module)
    {
        int before = _problems.Count;
        int expertRank = _config.ExpertRank;
        if (!_modules.Contains(module.Name))
        {
            _problems.Add($"{module.Name}: target_modules names it, but the adapter has no tensors for it.");
            return null;
        }

        if (Math.Max(module.InFeatures, module.OutFeatures) * (long)_config.Rank > Array.MaxLength)
        {
            _problems.Add($"{module.Name}: rank {_config.Rank} is more than can be held for [{module.OutFeatures}, {module.InFeatures}].");
            return null;
        }

        var experts = new List<(float[]? A, float[]? B)>();
        for (int expert = 0; expert < _config.ExpertCount; expert++)
        {
            experts.Add((
                Read(new TensorPlace(module.Name, TensorRole.ExpertA, expert), expertRank, module.InFeatures),
                Read(new TensorPlace(module.Name, TensorRole.ExpertB, expert), module.OutFeatures, expertRank)));
        }

        return _problems.Count == before ? Stack(module, experts) : null;
    }

    /// <summary>Reads the gate and the task embedding of one module, or of the top level (an empty name).</summary>
    public TaskGate? ReadGate(string module)
    {
        float[]? embeddings = Read(new TensorPlace(module, TensorRole.TaskEmbedding, 0), _config.TaskCount + 1, _config.TaskEmbeddingDim);
        float[]? weight = Read(new TensorPlace(module, TensorRole.Gate, 0), _config.ExpertCount, _config.TaskEmbeddingDim);
        return embeddings is null || weight is null
            ? null
            : new TaskGate(_config.TaskCount, _config.ExpertCount, _config.TaskEmbeddingDim, embeddings, weight, _config.TopK);
    }

    /// <summary>Adds a problem for a top-level gate or task embedding, which the multiple-gates kind does not have.</summary>
    public void ReportTopLevelGate()
    {
        foreach (TensorPlace place in _places.Keys.Where(p => p.Module.Length == 0))
            _problems.Add($"{TensorNames.Format(place, _config.Kind)}: nothing uses this tensor in {_config.Kind.PeftType()} adapters, whose gates are in its modules.");
    }

    private AdaptedModule Stack(LinearModule module, List<(float[]? A, float[]? B)> experts)
    {
        int expertRank = _config.ExpertRank;
        float[] a = new float[_config.Rank * module.InFeatures];
        float[] b = new float[module.OutFeatures * _config.Rank];
        for (int expert = 0; expert < experts.Count; expert++)
        {
            experts[expert].A!.CopyTo(a.AsSpan(expert * expertRank * module.InFeatures));
            for (int row = 0; row < module.OutFeatures; row++)
                experts[expert].B!.AsSpan(row * expertRank, expertRank).CopyTo(b.AsSpan(row * _config.Rank + expert * expertRank));
        }

        return new AdaptedModule(module, _config.Rank, a, b);
    }

    private float[]? Read(TensorPlace place, int rows, int columns)
    {
        if (!_places.TryGetValue(place, out List<CheckpointTensor>? names))
        {
            _problems.Add($"{TensorNames.Format(place, _config.Kind)}: missing; [{rows}, {columns}] is needed.");
            return null;
        }

        bool fits = (long)rows * columns <= Array.MaxLength;
        if (!fits)
            _problems.Add($"{names[0].Name}: [{rows}, {columns}] is more than can be held.");
        foreach (CheckpointTensor tensor in names.Where(t => t.Shape is not [var r, var c] || r != rows || c != columns))
        {
            _problems.Add($"{tensor.Name}: [{string.Join(", ", tensor.Shape)}] instead of [{rows}, {columns}].");
            fits = false;
        }

        foreach (CheckpointTensor tensor in names.Where(t => t.DType is null))
        {
            _problems.Add($"{tensor.Name}: stored as {tensor.PublishedDType}; F32, F16 and BF16 can be read.");
            fits = false;
        }

        if (!fits)
            return null;
        foreach (CheckpointTensor other in names.Skip(1).Where(other => !SameBytes(names[0], other)))
        {
            _problems.Add($"{names[0].Name} and {other.Name} are two names of one tensor, but their values differ.");
            return null;
        }

        float[] values = ToFloats(_checkpoint.View(names[0].Name));
        int bad = Array.FindIndex(values, v => !float.IsFinite(v));
        if (bad < 0)
            return values;
        _problems.Add($"{names[0].Name}: element [{bad / columns}, {bad % columns}] is {(float.IsNaN(values[bad]) ? "NaN" : "infinite")}.");
        return null;
    }

    private unsafe bool SameBytes(CheckpointTensor first, CheckpointTensor second)
    {
        TensorView x = _checkpoint.View(first.Name);
        TensorView y = _checkpoint.View(second.Name);
        if (x.DType != y.DType)
            return false;
        int bytes = checked((int)x.DType.ByteCount((long)x.Rows * x.Columns));
        return new ReadOnlySpan<byte>(x.Data, bytes).SequenceEqual(new ReadOnlySpan<byte>(y.Data, bytes));
    }

    private static unsafe float[] ToFloats(TensorView view)
    {
        float[] values = new float[checked(view.Rows * view.Columns)];
        byte* data = (byte*)view.Data;
        switch (view.DType)
        {
            case DType.F32:
                new ReadOnlySpan<byte>(data, checked(values.Length * sizeof(float))).CopyTo(MemoryMarshal.AsBytes(values.AsSpan()));
                break;
            case DType.F16:
                for (int i = 0; i < values.Length; i++)
                    values[i] = (float)Unsafe.ReadUnaligned<Half>(data + 2L * i);
                break;
            case DType.BF16:
                for (int i = 0; i < values.Length; i++)
                    values[i] = BitConverter.UInt32BitsToSingle((uint)Unsafe.ReadUnaligned<ushort>(data + 2L * i) << 16);
                break;
            default:
                throw new InvalidOperationException($"A view of {view.DType} is not dense.");
        }

        return values;
    }
}
