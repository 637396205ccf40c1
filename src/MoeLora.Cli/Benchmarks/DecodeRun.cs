using System.Diagnostics;
using MoeLora.Engine.Generation;
using MoeLora.Models;
using MoeLora.Tensors;

namespace MoeLora.Cli.Benchmarks;

/// <summary>Sequences that are prefilled one after the other and then decoded together, greedily and past any end token.</summary>
internal sealed class DecodeRun : IDisposable
{
    private readonly List<Group> _groups = [];
    private readonly int[] _prompt;
    private readonly int _sequences;
    private readonly List<double> _steps = [];
    private double _prefill;

    /// <param name="lanes">One for each sequence. Those of one model share a step; those of several models take turns.</param>
    /// <param name="prompt">The prompt of every sequence.</param>
    /// <param name="generate">Most decode steps.</param>
    private DecodeRun(IReadOnlyList<TaskModel> lanes, int[] prompt, int generate)
    {
        _prompt = prompt;
        _sequences = lanes.Count;
        foreach (IGrouping<CausalModel, TaskModel> lane in lanes.GroupBy(lane => lane.Model))
            _groups.Add(new Group(lane.Key, [.. lane], prompt, generate));
    }

    private RunTimes Times => new(_sequences, _sequences * _prompt.Length, _prefill, _steps);

    /// <summary>Runs one configuration.</summary>
    public static RunTimes Measure(IReadOnlyList<TaskModel> lanes, int[] prompt, int generate, CancellationToken cancellation)
    {
        using var run = new DecodeRun(lanes, prompt, generate);
        run.Prefill(cancellation);
        for (int step = 0; step < generate; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            run.Step();
        }

        return run.Times;
    }

    /// <summary>
    /// Runs two configurations step by step in turns: whatever else the machine does disturbs both alike. Who begins changes from step
    /// to step, so that neither always finds the caches as the other left them.
    /// </summary>
    /// <param name="first">One configuration.</param>
    /// <param name="second">The other.</param>
    /// <param name="prompt">The prompt of every sequence.</param>
    /// <param name="generate">Decode steps of each.</param>
    /// <param name="firstPrefills">Whether the first configuration prefills before the second.</param>
    /// <param name="cancellation">Looked at between steps.</param>
    public static (RunTimes First, RunTimes Second) MeasureInTurns(
        IReadOnlyList<TaskModel> first, IReadOnlyList<TaskModel> second, int[] prompt, int generate, bool firstPrefills, CancellationToken cancellation)
    {
        using var a = new DecodeRun(first, prompt, generate);
        using var b = new DecodeRun(second, prompt, generate);
        InTurns(firstPrefills, run => run.Prefill(cancellation));
        for (int step = 0; step < generate; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            InTurns(step % 2 == 0, run => run.Step());
        }

        return (a.Times, b.Times);

        void InTurns(bool firstBegins, Action<DecodeRun> part)
        {
            part(firstBegins ? a : b);
            part(firstBegins ? b : a);
        }
    }

    public void Dispose()
    {
        foreach (Group group in _groups)
            group.Dispose();
    }

    private void Prefill(CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        foreach (Group group in _groups)
            group.Prefill(_prompt, cancellation);
        _prefill = Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private void Step()
    {
        long start = Stopwatch.GetTimestamp();
        foreach (Group group in _groups)
            group.Step();
        _steps.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    /// <summary>The sequences of one model.</summary>
    private sealed class Group : IDisposable
    {
        private readonly CausalModel _model;
        private readonly TaskModel[] _lanes;
        private readonly KvPool _pool;
        private readonly ModelSequence[] _sequences;
        private readonly int[] _next;
        private readonly int?[] _likeliest;
        private readonly StepBatch _batch = new();
        private readonly Tensor _logits;

        public Group(CausalModel model, TaskModel[] lanes, int[] prompt, int generate)
        {
            _model = model;
            _lanes = lanes;
            int blocks = (prompt.Length + generate + KvPool.DefaultBlockPositions - 1) / KvPool.DefaultBlockPositions;
            _pool = model.CreateKvPool(KvPool.DefaultBlockPositions, lanes.Length * blocks); // one for all, as the engine has it
            _sequences = Array.ConvertAll(lanes, _ => Start(prompt, prompt.Length + generate));
            _next = new int[lanes.Length];
            _likeliest = new int?[lanes.Length];
            _logits = model.Device.Allocate(DType.F32, lanes.Length, model.Config.VocabularySize);
        }

        public void Prefill(int[] prompt, CancellationToken cancellation)
        {
            for (int i = 0; i < _lanes.Length; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                Begin();
                _batch.Add(_sequences[i], prompt, LogitsWanted.Last, _lanes[i].Gate, _lanes[i].Deltas);
                _model.Forward(_batch, _logits);
                _next[i] = Known(_model.Device.ArgMax(_logits, 0));
            }
        }

        public void Step()
        {
            Begin();
            for (int i = 0; i < _lanes.Length; i++)
                _batch.Add(_sequences[i], _next.AsSpan(i, 1), LogitsWanted.Last, _lanes[i].Gate, _lanes[i].Deltas);
            _model.Forward(_batch, _logits);
            _model.Device.ArgMax(_logits, _likeliest);
            for (int i = 0; i < _lanes.Length; i++)
                _next[i] = Known(_likeliest[i]);
        }

        public void Dispose()
        {
            foreach (ModelSequence sequence in _sequences)
                sequence.Dispose();
            _pool.Dispose();
            _logits.Dispose();
        }

        private ModelSequence Start(int[] prompt, int positions)
        {
            KvCache cache = _pool.CreateCache();
            cache.TryReserve(positions);
            return _model.StartSequence(prompt, cache);
        }

        private void Begin()
        {
            _batch.Clear();
        }

        private static int Known(int? token) => token ?? throw new CommandException("The logits are not numbers; a kernel or the random weights are wrong.");
    }
}
