using MoeLora.Cli.Terminals;
using MoeLora.Tensors;

namespace MoeLora.Cli.Benchmarks;

/// <summary>The serving engine with many requests at once, and what it was compared with, in turns. Rates are generated tokens per second, prompts included in the time.</summary>
internal sealed record ServeReport
{
    public required string Shape { get; init; }

    public required string Weights { get; init; }

    public required string Device { get; init; }

    public required int Prompt { get; init; }

    public required int Generate { get; init; }

    /// <summary>Requests at once.</summary>
    public required int Batch { get; init; }

    public required BenchAdapter? Adapter { get; init; }

    /// <summary>What the ratios are relative to.</summary>
    public required string First { get; init; }

    /// <summary>Every round.</summary>
    public required IReadOnlyList<Turn> Rounds { get; init; }

    /// <summary>The median of the rounds' ratios of tokens per second.</summary>
    public double Ratio => RunTimes.Median(Rounds.Select(round => round.Ratio));

    /// <summary>Gathers the rounds.</summary>
    public static ServeReport Of(BenchSettings settings, BenchModel model, string device, string first, IReadOnlyList<(ServeRound First, ServeRound Second)> rounds) => new()
    {
        Shape = settings.Shape,
        Weights = settings.Weights.Name(),
        Device = device,
        Prompt = settings.Prompt,
        Generate = settings.Generate,
        Batch = settings.Batch,
        Adapter = BenchAdapter.Of(settings, model),
        First = first,
        Rounds = [.. rounds.Select(round => new Turn(round.First, round.Second))],
    };

    /// <summary>Prints the report for a person.</summary>
    public void Print(Terminal terminal)
    {
        TextWriter text = terminal.Out;
        text.WriteLine($"{Shape}, {Weights}, {Device}: {Batch} requests at once, prompt {Prompt}, generate {Generate}; against {First}, in turns");
        text.WriteLine($"adapter     {Adapter}");
        for (int i = 0; i < Rounds.Count; i++)
        {
            Turn round = Rounds[i];
            text.WriteLine(BenchReport.Line($"round {i + 1,-5} {round.AtOnce} against {round.First}: {round.Ratio:F3}"));
        }

        text.WriteLine(BenchReport.Line($"median      {Ratio:F3}"));
    }

    /// <summary>One round of both.</summary>
    internal sealed record Turn(ServeRound First, ServeRound AtOnce)
    {
        public double Ratio => AtOnce.TokensPerSecond / First.TokensPerSecond;
    }
}

/// <summary>One round.</summary>
/// <param name="TokensPerSecond">Generated, of all requests together.</param>
/// <param name="FirstTokenSeconds">From submission to the first token, the median of the requests.</param>
/// <param name="GapSeconds">Between two tokens of a request, the median.</param>
internal sealed record ServeRound(double TokensPerSecond, double FirstTokenSeconds, double GapSeconds)
{
    public override string ToString() => BenchReport.Line($"{TokensPerSecond:F2} tokens/s (first token {FirstTokenSeconds:F2} s, gap {GapSeconds * 1000:F1} ms)");
}
