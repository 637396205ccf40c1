using MoeLora.Cli.Terminals;
using MoeLora.Tensors;

namespace MoeLora.Cli.Benchmarks;

/// <summary>The speed of training's matrix products. Also the JSON that is printed.</summary>
internal sealed record DenseReport
{
    public required string Shape { get; init; }

    public required string Weights { get; init; }

    public required string Device { get; init; }

    /// <summary>Tokens of a batch.</summary>
    public required int Rows { get; init; }

    public required int Repeats { get; init; }

    /// <summary>10⁹ F32 operations per second in registers alone, the median; null on devices other than the process's own cores.</summary>
    public required double? PeakGigaflops { get; init; }

    /// <summary>Transformer layers of the model.</summary>
    public required int LayerCount { get; init; }

    /// <summary>The dense layers of one transformer layer, and the output layer last.</summary>
    public required IReadOnlyList<DenseProducts> Layers { get; init; }

    /// <summary>All transformer layers and the output layer.</summary>
    public required DenseSpeeds Model { get; init; }

    /// <summary>Gathers the layers.</summary>
    public static DenseReport Of(DenseSettings settings, string device, double? peak, IReadOnlyList<DenseProducts> layers)
    {
        int count = settings.Config.LayerCount;
        return new DenseReport
        {
            Shape = settings.Shape,
            Weights = settings.Weights.Name(),
            Device = device,
            Rows = settings.Rows,
            Repeats = settings.Repeats,
            PeakGigaflops = peak / 1e9,
            Layers = layers,
            LayerCount = count,
            Model = new DenseSpeeds(Sum(speeds => speeds.Forward), Sum(speeds => speeds.InputGradient), Sum(speeds => speeds.WeightGradient)),
        };

        DenseSpeed Sum(Func<DenseSpeeds, DenseSpeed> product)
        {
            // Shares add up as times at the peak do.
            double seconds = 0, operations = 0;
            double? atPeak = 0;
            for (int i = 0; i < layers.Count; i++)
            {
                int times = i < layers.Count - 1 ? layers[i].Shape.Count * count : 1;
                DenseSpeed speed = product(layers[i].Speeds);
                seconds += times * speed.Milliseconds / 1e3;
                operations += times * speed.Milliseconds / 1e3 * speed.Gigaflops * 1e9;
                atPeak += times * speed.Milliseconds / 1e3 * speed.ShareOfPeak;
            }

            return new DenseSpeed(seconds * 1e3, operations / seconds / 1e9, atPeak / seconds);
        }
    }

    /// <summary>The end of a headline: the peak, where it was measured.</summary>
    internal static string Peak(double? gigaflops) => gigaflops is { } peak ? BenchReport.Line($", peak {peak:F0} GFLOP/s") : "";

    /// <summary>Prints the report for a person.</summary>
    public void Print(Terminal terminal)
    {
        TextWriter text = terminal.Out;
        text.WriteLine(BenchReport.Line($"{Shape}, {Weights}, {Device}: {Rows} rows, {Repeats} rounds{Peak(PeakGigaflops)}"));
        text.WriteLine($"{"",-34}{"forward",24}{"input gradient",24}{"weight gradient",24}");
        foreach (DenseProducts layer in Layers)
            text.WriteLine(layer.Speeds.Line(BenchReport.Line($"{layer.Shape.Inputs} -> {layer.Shape.Outputs} {layer.Shape.Name}")));
        text.WriteLine(Model.Line(BenchReport.Line($"{LayerCount} layers and the head")));
    }
}

/// <summary>A dense layer's products.</summary>
/// <param name="Shape">The layer.</param>
/// <param name="Speeds">Of its products.</param>
internal sealed record DenseProducts(DenseShape Shape, DenseSpeeds Speeds);

/// <summary>The three products of dense layers.</summary>
/// <param name="Forward">y = W · x.</param>
/// <param name="InputGradient">dx += dy · W.</param>
/// <param name="WeightGradient">dW += dyᵀ · x.</param>
internal sealed record DenseSpeeds(DenseSpeed Forward, DenseSpeed InputGradient, DenseSpeed WeightGradient)
{
    public string Line(string name) => $"{name,-34}{Forward,24}{InputGradient,24}{WeightGradient,24}";
}

/// <summary>The speed of one product.</summary>
/// <param name="Milliseconds">The median.</param>
/// <param name="Gigaflops">By the median time.</param>
/// <param name="ShareOfPeak">The median of each time's share of the peak measured beside it; null where none is.</param>
internal sealed record DenseSpeed(double Milliseconds, double Gigaflops, double? ShareOfPeak)
{
    public static DenseSpeed Of(double operations, IReadOnlyList<DenseRunner.Timing> timings)
    {
        double seconds = RunTimes.Median(timings.Select(timing => timing.Seconds));
        return new DenseSpeed(1e3 * seconds, operations / seconds / 1e9, RunTimes.Median(timings.Select(timing => timing.Share)));
    }

    public override string ToString() => BenchReport.Line($"{Milliseconds:F2} ms {Gigaflops:F0} GF{(ShareOfPeak is { } share ? BenchReport.Line($" {share:P0}") : "")}");
}
