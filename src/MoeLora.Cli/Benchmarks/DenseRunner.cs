using System.Diagnostics;
using MoeLora.Cli.Terminals;
using MoeLora.Models;
using MoeLora.Tensors;
using MoeLora.Tensors.Cpu;

namespace MoeLora.Cli.Benchmarks;

/// <summary>
/// Measures the matrix products of training: each dense layer's forward pass and its two gradients. On the process's own cores each is between two
/// measurements of the machine's peak, so that whatever disturbs the machine disturbs both; other devices have no such measurement.
/// </summary>
internal sealed class DenseRunner(DenseSettings settings, Device device, ProgressSource progress, CancellationToken cancellation)
{
    private const int Seed = 20260102;
    private const int RowOffsets = 997;

    /// <summary>Floating-point operations that are timed together at least, several milliseconds' worth.</summary>
    private const double FewestOperations = 1e9;

    /// <summary>Long enough for the compiler to replace its first, slow code.</summary>
    private const double WarmUpSeconds = 1;

    private readonly List<double?> _peaks = [];

    /// <summary>Measures all layers.</summary>
    public DenseReport Run()
    {
        progress.Begin("Measuring");
        IReadOnlyList<DenseShape> shapes = [.. DenseShape.OfLayer(settings.Config), DenseShape.OfHead(settings.Config)];
        var products = new List<DenseProducts>();
        foreach (DenseShape shape in shapes)
        {
            progress.Report(products.Count / (double)shapes.Count);
            products.Add(Measure(shape));
        }

        progress.End();
        return DenseReport.Of(settings, device.Name, RunTimes.Median(_peaks), products);
    }

    private DenseProducts Measure(DenseShape shape)
    {
        using Tensor weight = RandomWeight(shape.Outputs, shape.Inputs), input = Random(settings.Rows, shape.Inputs);
        using Tensor output = device.Allocate(DType.F32, settings.Rows, shape.Outputs), outputGradient = Random(settings.Rows, shape.Outputs);
        using Tensor inputGradient = device.Allocate(DType.F32, settings.Rows, shape.Inputs), weightGradient = device.Allocate(DType.F32, shape.Outputs, shape.Inputs);
        var calls = new LinearCall[] { new() { Weight = weight, Output = output } };
        Action[] products =
        [
            () => device.Linear(input, settings.Rows, calls),
            () => device.LinearBackwardInput(outputGradient, weight, inputGradient, settings.Rows),
            () => device.LinearBackwardWeight(outputGradient, input, weightGradient, settings.Rows),
        ];
        double operations = 2.0 * settings.Rows * shape.Inputs * shape.Outputs;
        int times = (int)Math.Ceiling(FewestOperations / operations);
        long start = Stopwatch.GetTimestamp();
        do
        {
            foreach (Action product in products)
                Time(product, times);
            MeasurePeak();
        }
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < WarmUpSeconds);

        List<Timing>[] timings = [[], [], []];
        for (int i = 0; i < settings.Repeats; i++)
        {
            for (int p = 0; p < products.Length; p++)
            {
                cancellation.ThrowIfCancellationRequested();
                double? before = MeasurePeak();
                double seconds = Time(products[p], times);
                double? peak = (before + MeasurePeak()) / 2;
                timings[p].Add(new Timing(seconds, operations / seconds / peak));
                _peaks.Add(peak);
            }
        }

        return new DenseProducts(shape, new DenseSpeeds(DenseSpeed.Of(operations, timings[0]), DenseSpeed.Of(operations, timings[1]), DenseSpeed.Of(operations, timings[2])));
    }

    private double? MeasurePeak() => (device as CpuDevice)?.MeasurePeak();

    private double Time(Action product, int times)
    {
        device.Synchronize();
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < times; i++)
            product();
        device.Synchronize();
        return Stopwatch.GetElapsedTime(start).TotalSeconds / times;
    }

    private Tensor RandomWeight(int rows, int columns)
    {
        Tensor values = Random(rows, columns);
        if (settings.Weights == DType.F32)
            return values;
        // Converted by recovery with a delta of nothing.
        using (values)
        {
            using Tensor a = device.Allocate(DType.F32, 1, columns), b = device.Allocate(DType.F32, rows, 1);
            Tensor weight = device.Allocate(settings.Weights, rows, columns);
            device.Recover(values, new LowRankDelta(a, b), [0], weight);
            return weight;
        }
    }

    private Tensor Random(int rows, int columns)
    {
        Tensor tensor = device.Allocate(DType.F32, rows, columns);
        var random = new Random(Seed);
        // Rows are stretches of one row of random numbers; speed does not depend on values.
        float[] values = new float[columns + RowOffsets];
        for (int i = 0; i < values.Length; i++)
            values[i] = (random.NextSingle() - 0.5f) / MathF.Sqrt(columns);
        for (int row = 0; row < rows; row++)
            device.WriteRow(values.AsSpan(row % RowOffsets, columns), tensor, row);
        return tensor;
    }

    /// <summary>One measurement: seconds, and the share of the peak beside it where there is one.</summary>
    internal readonly record struct Timing(double Seconds, double? Share);
}

/// <summary>What to measure the matrix products of.</summary>
internal sealed record DenseSettings
{
    /// <summary>The shape's name, for the report.</summary>
    public required string Shape { get; init; }

    /// <summary>The shape.</summary>
    public required ModelConfig Config { get; init; }

    /// <summary>How weights are kept.</summary>
    public required DType Weights { get; init; }

    /// <summary>Rows of the activations: tokens of a batch.</summary>
    public required int Rows { get; init; }

    /// <summary>Measurements that count.</summary>
    public required int Repeats { get; init; }
}
