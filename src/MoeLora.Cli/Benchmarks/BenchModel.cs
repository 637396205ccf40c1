using System.Diagnostics;
using MoeLora.Adapters;
using MoeLora.Adapters.Experts;
using MoeLora.Cli.Terminals;
using MoeLora.Contracts;
using MoeLora.Engine.Generation;
using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Models.Configs;
using MoeLora.Tensors;

namespace MoeLora.Cli.Benchmarks;

/// <summary>A model of a shape with random weights, and a random adapter in the form asked for.</summary>
internal sealed class BenchModel : IDisposable
{
    private const int Seed = 20260101;

    private readonly BenchSettings _settings;
    private readonly ProgressSource _progress;
    private readonly CausalModel _model;
    private readonly Adapter? _adapter;
    private readonly DeviceBank? _bank;
    private readonly List<CausalModel> _merged = [];
    private readonly List<CausalModel> _turns = [];

    /// <summary>Builds everything.</summary>
    public BenchModel(BenchSettings settings, Device device, ProgressSource progress)
    {
        _settings = settings;
        _progress = progress;
        progress.Begin($"Making random weights of {settings.Shape}");
        ProcessMemory? before = ProcessMemory.Read();
        _model = ModelLoader.Random(settings.Config, device, settings.Weights, Seed);
        ProcessMemory? after = ProcessMemory.Read();
        Memory = new BenchMemory(settings.Weights.ByteCount(_model.ParameterCount), _model.ResidentBytes, after?.Resident - before?.Resident, null);
        if (settings.Form != ServingMode.Base)
            _adapter = RandomAdapter.Create(_model, settings.Tasks, settings.Rank, settings.Experts, Seed);
        if (settings.Form == ServingMode.Shared)
            _bank = _adapter!.ToDevice(_model);
        progress.End();
    }

    /// <summary>The model itself.</summary>
    public CausalModel Base => _model;

    /// <summary>The adapter; there is none in the form of the bare base model.</summary>
    public Adapter Adapter => _adapter ?? throw new InvalidOperationException("No adapter was asked for.");

    /// <summary>Memory after loading.</summary>
    public BenchMemory Memory { get; }

    /// <summary>Bytes that the expert bank holds on the device; null when it is not served in shared form.</summary>
    public long? BankBytes => _bank?.ResidentBytes;

    /// <summary>A prompt of the length that was asked for, which the model accepts.</summary>
    public int[] Prompt() => Prompt(_settings.Prompt);

    /// <summary>A prompt of this length that the model accepts.</summary>
    public int[] Prompt(int length)
    {
        var random = new Random(Seed);
        int[] prompt = [.. Enumerable.Range(0, length).Select(_ => random.Next(_settings.Config.VocabularySize / 2))];
        if (_settings.Config is ChatGlmConfig config)
            (prompt[^2], prompt[^1]) = (config.GMaskTokenId, config.StartTokenId);
        return prompt;
    }

    /// <summary>Sequences of different tasks in a form; merged weights are recovered once.</summary>
    public IReadOnlyList<TaskModel> Lanes(ServingMode form, int batch) => [.. Enumerable.Range(0, batch).Select(i => Lane(form, i % _settings.Tasks))];

    /// <summary>
    /// Sequences in merged form where each task has a turn of its own in a step, whether or not all their recovered weights fit beside each other: where memory ends, tasks take turns
    /// on those that do. Speed does not depend on whose weights a turn reads.
    /// </summary>
    /// <param name="batch">Sequences.</param>
    /// <param name="positions">Positions of each, in both of two runs: what their keys and values take is left free.</param>
    /// <returns>The sequences, and how many tasks have weights of their own; none where those of no task fit.</returns>
    public (IReadOnlyList<TaskModel> Lanes, int Merged) MergedTurns(int batch, int positions)
    {
        int tasks = Math.Min(batch, _settings.Tasks), room = tasks;
        if (_model.Device.MemoryBytes is { } memory)
        {
            long each = Adapter.Bank.Modules.Sum(module => _model.Weight(module.Module).ResidentBytes);
            long free = memory / 10 * 9 - _model.ResidentBytes - (_bank?.ResidentBytes ?? 0) - 2 * batch * positions * _model.KvBytesPerPosition;
            room = (int)Math.Clamp(free / each, 0, tasks);
        }

        if (room == 0)
            return ([], 0);
        Lane(ServingMode.Merged, room - 1);
        while (_turns.Count < tasks)
            _turns.Add(_merged[_turns.Count % _merged.Count].WithWeights(new Dictionary<int, Tensor>()));
        return ([.. Enumerable.Range(0, batch).Select(i => TaskModel.Own(_turns[i % tasks]))], Math.Min(tasks, _merged.Count));
    }

    /// <summary>Frees recovered weights; sequences on them must have ended.</summary>
    public void FreeMerged()
    {
        foreach (CausalModel model in _turns.Concat(_merged))
            model.Dispose();
        _turns.Clear();
        _merged.Clear();
    }

    /// <summary>Recovers one task's weights again and again.</summary>
    /// <returns>Seconds of each time after the first, which warms up.</returns>
    public IReadOnlyList<double> MeasureRecovery(CancellationToken cancellation)
    {
        var seconds = new List<double>();
        for (int i = 0; i <= _settings.Repeats; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            long start = Stopwatch.GetTimestamp();
            using CausalModel merged = Recovery.Merge(_model, null, _adapter!, [_adapter!.Tasks[0]], cancellation: cancellation);
            _model.Device.Synchronize();
            if (i > 0)
                seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return seconds;
    }

    /// <summary>Bytes of weights that a step reads: everything but an embedding table that is no output layer, and the bank in shared form.</summary>
    public long WeightBytesPerStep(ServingMode form, int batch)
    {
        bool tied = _settings.Config is LlamaConfig { TieWordEmbeddings: true };
        long table = tied ? 0 : _settings.Weights.ByteCount((long)_settings.Config.VocabularySize * _settings.Config.HiddenSize);
        int models = form == ServingMode.Merged ? Math.Min(batch, _settings.Tasks) : 1;
        return models * (_model.ResidentBytes - table) + (form == ServingMode.Shared ? _bank!.ResidentBytes : 0);
    }

    public void Dispose()
    {
        FreeMerged();
        _bank?.Dispose();
        _model.Dispose();
    }

    private TaskModel Lane(ServingMode form, int task)
    {
        switch (form)
        {
            case ServingMode.Shared:
                return TaskModel.Shared(_model, _bank!.Deltas, _adapter!.GateRows(_adapter.Tasks[task]));
            case ServingMode.Merged:
                while (_merged.Count <= task)
                {
                    _progress.Begin($"Recovering the weights of task {_merged.Count + 1}");
                    _merged.Add(Recovery.Merge(_model, null, _adapter!, [_adapter!.Tasks[_merged.Count]]));
                    _progress.End();
                }

                return TaskModel.Own(_merged[task]);
            default:
                return TaskModel.Own(_model);
        }
    }
}
