using MoeLora.Cli.Terminals;
using MoeLora.Tensors;

namespace MoeLora.Cli.Benchmarks;

/// <summary>Two configurations measured in turns in one process, so that whatever disturbs the machine disturbs both.</summary>
internal sealed record TurnsReport
{
    public required string Shape { get; init; }

    public required string Weights { get; init; }

    public required string Device { get; init; }

    public required int Prompt { get; init; }

    public required int Generate { get; init; }

    /// <summary>Null without an adapter.</summary>
    public BenchAdapter? Adapter { get; init; }

    /// <summary>What the ratios are relative to.</summary>
    public required string First { get; init; }

    /// <summary>What is compared with it.</summary>
    public required string Second { get; init; }

    /// <summary>Every round.</summary>
    public required IReadOnlyList<Turn> Rounds { get; init; }

    /// <summary>The median of the rounds' ratios of decode tokens per second, second to first.</summary>
    public double DecodeRatio => RunTimes.Median(Rounds.Select(round => round.DecodeRatio));

    /// <summary>The same of prefill.</summary>
    public double PrefillRatio => RunTimes.Median(Rounds.Select(round => round.PrefillRatio));

    /// <summary>Gathers the rounds.</summary>
    public static TurnsReport Of(BenchSettings settings, BenchModel model, string device, string first, string second, IReadOnlyList<(RunTimes First, RunTimes Second)> rounds) => new()
    {
        Shape = settings.Shape,
        Weights = settings.Weights.Name(),
        Device = device,
        Prompt = settings.Prompt,
        Generate = settings.Generate,
        Adapter = BenchAdapter.Of(settings, model),
        First = first,
        Second = second,
        Rounds = [.. rounds.Select(round => new Turn(
            round.First.PrefillTokensPerSecond, round.Second.PrefillTokensPerSecond, round.First.DecodeTokensPerSecond, round.Second.DecodeTokensPerSecond))],
    };

    /// <summary>Prints the report for a person.</summary>
    public void Print(Terminal terminal)
    {
        TextWriter text = terminal.Out;
        text.WriteLine($"{Shape}, {Weights}, {Device}: prompt {Prompt}, generate {Generate}; {Second} against {First}, in turns");
        if (Adapter is not null)
            text.WriteLine($"adapter     {Adapter}");
        for (int i = 0; i < Rounds.Count; i++)
        {
            Turn round = Rounds[i];
            text.WriteLine(BenchReport.Line(
                $"round {i + 1,-5} decode {round.SecondDecode,9:F2} against {round.FirstDecode,9:F2} tokens/s: {round.DecodeRatio:F3}   prefill {round.SecondPrefill,9:F1} against {round.FirstPrefill,9:F1}: {round.PrefillRatio:F3}"));
        }

        text.WriteLine(BenchReport.Line($"median      decode {DecodeRatio:F3}   prefill {PrefillRatio:F3}"));
    }

    /// <summary>One round, in tokens per second of all sequences; decode by the median step.</summary>
    internal sealed record Turn(double FirstPrefill, double SecondPrefill, double FirstDecode, double SecondDecode)
    {
        public double DecodeRatio => SecondDecode / FirstDecode;

        public double PrefillRatio => SecondPrefill / FirstPrefill;
    }
}
