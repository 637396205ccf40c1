using System.Globalization;
using MoeLora.Cli.Terminals;
using MoeLora.Contracts;
using MoeLora.Tensors;

namespace MoeLora.Cli.Benchmarks;

/// <summary>What a benchmark measured. Also the JSON that is printed; rates are tokens per second.</summary>
internal sealed record BenchReport
{
    public required string Shape { get; init; }

    public required string Weights { get; init; }

    public required string Device { get; init; }

    public required int Prompt { get; init; }

    public required int Generate { get; init; }

    public required int Batch { get; init; }

    public required int Repeats { get; init; }

    /// <summary>Null without an adapter.</summary>
    public BenchAdapter? Adapter { get; init; }

    /// <summary>Of all prompts together, the median of the rounds.</summary>
    public required double PrefillTokensPerSecond { get; init; }

    /// <summary>Of all sequences together, by the median step of all rounds.</summary>
    public required double DecodeTokensPerSecond { get; init; }

    /// <summary>Of all sequences together, by all steps of all rounds.</summary>
    public required double MeanDecodeTokensPerSecond { get; init; }

    /// <summary>The median step, which makes one token of every sequence.</summary>
    public required double StepMilliseconds { get; init; }

    /// <summary>Weights that a step reads.</summary>
    public required long WeightBytesPerStep { get; init; }

    /// <summary>10⁹ bytes of weights read per second of the median step.</summary>
    public required double GigabytesPerSecond { get; init; }

    /// <summary>Recovering one task's weights, the median; null unless they are merged.</summary>
    public double? RecoverySeconds { get; init; }

    public required BenchMemory Memory { get; init; }

    /// <summary>Gathers the rounds of one run.</summary>
    public static BenchReport Of(BenchSettings settings, BenchModel model, string device, IReadOnlyList<RunTimes> rounds, IReadOnlyList<double> recoveries)
    {
        double[] steps = [.. rounds.SelectMany(round => round.StepSeconds)];
        double step = RunTimes.Median(steps);
        long bytes = model.WeightBytesPerStep(settings.Form, settings.Batch);
        return new BenchReport
        {
            Shape = settings.Shape,
            Weights = settings.Weights.Name(),
            Device = device,
            Prompt = settings.Prompt,
            Generate = settings.Generate,
            Batch = settings.Batch,
            Repeats = settings.Repeats,
            Adapter = BenchAdapter.Of(settings, model),
            PrefillTokensPerSecond = RunTimes.Median(rounds.Select(round => round.PrefillTokensPerSecond)),
            DecodeTokensPerSecond = settings.Batch / step,
            MeanDecodeTokensPerSecond = settings.Batch / steps.Average(),
            StepMilliseconds = 1000 * step,
            WeightBytesPerStep = bytes,
            GigabytesPerSecond = bytes / step / 1e9,
            RecoverySeconds = recoveries.Count > 0 ? RunTimes.Median(recoveries) : null,
            Memory = model.Memory with { PeakBytes = ProcessMemory.Read()?.Peak },
        };
    }

    /// <summary>Prints the report for a person.</summary>
    public void Print(Terminal terminal)
    {
        TextWriter text = terminal.Out;
        text.WriteLine($"{Shape}, {Weights}, {Device}: prompt {Prompt}, generate {Generate}, batch {Batch}, {Repeats} rounds");
        if (Adapter is not null)
            text.WriteLine($"adapter     {Adapter}");
        text.WriteLine(Line($"prefill     {PrefillTokensPerSecond:F1} tokens/s"));
        text.WriteLine(Line($"decode      {DecodeTokensPerSecond:F2} tokens/s by the median step of {StepMilliseconds:F2} ms, {MeanDecodeTokensPerSecond:F2} by the mean"));
        text.WriteLine(Line($"weights     {WeightBytesPerStep / 1e6:F1} MB read per step, {GigabytesPerSecond:F2} GB/s"));
        if (RecoverySeconds is { } recovery)
            text.WriteLine(Line($"recovery    {recovery:F3} s for one task's weights"));
        text.WriteLine($"memory      {Memory}");
    }

    internal static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>The random adapter of a benchmark.</summary>
/// <param name="Form">merged or shared.</param>
/// <param name="Tasks">Tasks.</param>
/// <param name="Rank">r over all experts.</param>
/// <param name="Experts">N.</param>
/// <param name="BankBytes">Bytes of the resident bank; null when merged.</param>
internal sealed record BenchAdapter(ServingMode Form, int Tasks, int Rank, int Experts, long? BankBytes)
{
    public static BenchAdapter? Of(BenchSettings settings, BenchModel model) =>
        settings.Form == ServingMode.Base ? null : new(settings.Form, settings.Tasks, settings.Rank, settings.Experts, model.BankBytes);

    public override string ToString() =>
        BenchReport.Line($"{Form.ToString().ToLowerInvariant()}, {Tasks} tasks, rank {Rank}, {Experts} experts{(BankBytes is { } bytes ? BenchReport.Line($", bank {bytes / 1e6:F1} MB") : "")}");
}

/// <summary>What the weights take.</summary>
/// <param name="StoredBytes">All parameters in the weights' format, without padding.</param>
/// <param name="WeightBytes">What the model says it holds.</param>
/// <param name="LoadedBytes">By how much loading grew VmRSS; null where the system does not say.</param>
/// <param name="PeakBytes">VmHWM at the end.</param>
internal sealed record BenchMemory(long StoredBytes, long WeightBytes, long? LoadedBytes, long? PeakBytes)
{
    /// <summary>LoadedBytes / StoredBytes.</summary>
    public double? LoadedRatio => (double?)LoadedBytes / StoredBytes;

    public override string ToString() =>
        BenchReport.Line($"{StoredBytes / 1e6:F1} MB stored, {WeightBytes / 1e6:F1} MB held, {LoadedBytes / 1e6:F1} MB resident after loading ({LoadedRatio:F3} of stored), peak {PeakBytes / 1e6:F1} MB");
}
