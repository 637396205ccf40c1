using System.Diagnostics;
using MoeLora.Engine.Generation;
using MoeLora.Models;
using MoeLora.Tensors;

namespace MoeLora.Cli.Benchmarks;

/// <summary>Sequences that are prefilled one after the other and then decoded together, greedily and past any end token.</summary>
internal sealed class DecodeRun : IDisposable
{
    private readonly List<Group> _groups = [];

    /// <param name="lanes">One for each sequence. Those of one model share a step; those of several models take turns.</param>
    /// <param name="prompt">The prompt of every sequence.</param>
    /// <param name="generate">Decode steps.</param>
    private DecodeRun(IReadOnlyList<TaskModel> lanes, int[] prompt, int generate)
    {
        foreach (IGrouping<CausalModel, TaskModel> lane in lanes.GroupBy(lane => lane.Model))
            _groups.Add(new Group(lane.Key, [.. lane], prompt, generate));
    }

    /// <summary>Runs the sequences and measures every part.</summary>
    public static RunTimes Measure(IReadOnlyList<TaskModel> lanes, int[] prompt, int generate, CancellationToken cancellation)
    {
        using var run = new DecodeRun(lanes, prompt, generate);
        long start = Stopwatch.GetTimestamp();
        foreach (Group group in run._groups)
            group.Prefill(prompt, cancellation);
        TimeSpan prefill = Stopwatch.GetElapsedTime(start);

        double[] steps = new double[generate];
        for (int step = 0; step < generate; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            start = Stopwatch.GetTimestamp();
            foreach (Group group in run._groups)
                group.Step();
            steps[step] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }

        return new RunTimes(lanes.Count, lanes.Count * prompt.Length, prefill.TotalSeconds, steps);
    }

    public void Dispose()
    {
        foreach (Group group in _groups)
            group.Dispose();
    }

    /// <summary>The sequences of one model.</summary>
    private sealed class Group : IDisposable
    {
        private readonly CausalModel _model;
        private readonly TaskModel[] _lanes;
        private readonly ModelSequence[] _sequences;
        private readonly int[] _next;
        private readonly StepBatch _batch = new();
        private readonly Tensor _logits;

        public Group(CausalModel model, TaskModel[] lanes, int[] prompt, int generate)
        {
            _model = model;
            _lanes = lanes;
            _sequences = Array.ConvertAll(lanes, _ => model.StartSequence(prompt, prompt.Length + generate));
            _next = new int[lanes.Length];
            _logits = model.Device.Allocate(DType.F32, lanes.Length, model.Config.VocabularySize);
        }

        public void Prefill(int[] prompt, CancellationToken cancellation)
        {
            for (int i = 0; i < _lanes.Length; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                Begin();
                _batch.Add(_sequences[i], prompt, LogitsWanted.Last, _lanes[i].Gate);
                _model.Forward(_batch, _logits);
                _next[i] = Token(0);
            }
        }

        public void Step()
        {
            Begin();
            for (int i = 0; i < _lanes.Length; i++)
                _batch.Add(_sequences[i], _next.AsSpan(i, 1), LogitsWanted.Last, _lanes[i].Gate);
            _model.Forward(_batch, _logits);
            for (int i = 0; i < _lanes.Length; i++)
                _next[i] = Token(i);
        }

        public void Dispose()
        {
            foreach (ModelSequence sequence in _sequences)
                sequence.Dispose();
            _logits.Dispose();
        }

        private void Begin()
        {
            _batch.Clear();
            _batch.Deltas = _lanes[0].Deltas;
        }

        private int Token(int row) => _model.Device.ArgMax(_logits, row) ?? throw new CommandException("The logits are not numbers; a kernel or the random weights are wrong.");
    }
}
