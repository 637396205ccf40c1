using MoeLora.Training.Batches;
using MoeLora.Training.Randomness;

namespace MoeLora.Training.Sampling;

/// <summary>
/// Draws the samples of each step. What a step draws depends on the seed and the step's number only, so that a run resumes without any state of
/// the sampler.
/// </summary>
public sealed class TaskSampler
{
    private readonly SamplerKind _kind;
    private readonly int _batchSize, _seed;
    private readonly int[] _all;
    private readonly int[][] _byTask;
    private readonly double[] _cumulative; // of the tasks' probabilities
    private readonly Dictionary<long, int[]> _orders = [];

    /// <summary>Takes the data set.</summary>
    /// <param name="samples">All samples to draw from; at least one.</param>
    /// <param name="kind">How.</param>
    /// <param name="batchSize">Samples of a step.</param>
    /// <param name="seed">Of the draws.</param>
    /// <param name="temperature">T of <see cref="SamplerKind.Temperature"/>.</param>
    public TaskSampler(IReadOnlyList<TrainingSample> samples, SamplerKind kind, int batchSize, int seed, double temperature = 1)
    {
        if (samples.Count == 0)
            throw new ArgumentException("There are no samples to draw from.", nameof(samples));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        if (!(temperature > 0))
            throw new ArgumentOutOfRangeException(nameof(temperature), temperature, "The temperature must be positive.");
        (_kind, _batchSize, _seed) = (kind, batchSize, seed);
        _all = [.. Enumerable.Range(0, samples.Count)];
        _byTask = [.. _all.GroupBy(i => samples[i].TaskId).OrderBy(group => group.Key).Select(group => group.ToArray())];
        double power = kind == SamplerKind.Temperature ? 1 / temperature : 1;
        double[] weights = [.. _byTask.Select(task => Math.Pow(task.Length, power))];
        double total = weights.Sum(), sum = 0;
        _cumulative = [.. weights.Select(weight => (sum += weight) / total)];
    }

    /// <summary>The indices of the samples of step 1, 2, 3, …</summary>
    public int[] Draw(long step)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        int[] result = new int[_batchSize];
        if (_kind == SamplerKind.Mixed)
        {
            for (int i = 0; i < _batchSize; i++)
                result[i] = At((step - 1) * _batchSize + i);
            return result;
        }
        Random random = Generator(Stream.Draws, step);
        int task = Task(random.NextDouble());
        for (int i = 0; i < _batchSize; i++)
        {
            if (_kind == SamplerKind.Temperature)
                task = Task(random.NextDouble());
            result[i] = _byTask[task][random.Next(_byTask[task].Length)];
        }
        return result;
    }

    private int Task(double draw)
    {
        int task = Array.FindIndex(_cumulative, bound => draw < bound);
        return task < 0 ? _cumulative.Length - 1 : task; // the last bound may round to just below 1
    }

    /// <summary>Element <paramref name="index"/> of an endless sequence of epochs, each a new order of all samples.</summary>
    private int At(long index)
    {
        long epoch = index / _all.Length;
        if (!_orders.TryGetValue(epoch, out int[]? order))
        {
            if (_orders.Count > 4)
                _orders.Clear();
            order = (int[])_all.Clone();
            Generator(Stream.Orders, epoch).Shuffle(order);
            _orders.Add(epoch, order);
        }
        return order[index % _all.Length];
    }

    private Random Generator(Stream stream, long number) => SeedMix.Generator(SeedMix.Of((uint)_seed, (ulong)stream), (ulong)number);

    private enum Stream
    {
        Orders,
        Draws,
    }
}
