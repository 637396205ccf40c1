using MoeLora.Training.Methods;
using MoeLora.Training.Reports.Results;
using MoeLora.Training.Scores;

namespace MoeLora.Training.Tests.Reports;

/// <summary>Results that no experiment gave, of every kind that a report shows.</summary>
internal static class MadeUpResults
{
    public static readonly string[] Tasks = ["CMeIE", "CHIP-CDN", "CHIP-CDEE", "CHIP-MDCFNPC", "CHIP-CTC", "KUAKE-QIC", "IMCS-V2-MRG", "MedDG"];

    /// <summary>An experiment without cells.</summary>
    public static ExperimentResults Empty(params string[] tasks) => new()
    {
        Title = "An experiment",
        Tasks = tasks.Length == 0 ? ["one", "two"] : tasks,
        Experts = 8,
        Rank = 16,
        Sampler = "mixed",
    };

    /// <summary>A cell that is done, with one score for each task in turn.</summary>
    public static ExperimentCell Cell(string method, int seed, ExperimentVariant variant, IReadOnlyList<string> tasks, params double[] scores) => new()
    {
        Method = method,
        Variant = variant,
        Seed = seed,
        Status = CellStatus.Done,
        Scores = scores.Select((score, i) => (tasks[i], Score(score))).ToDictionary(),
    };

    /// <summary>As <see cref="Cell(string, int, ExperimentVariant, IReadOnlyList{string}, double[])"/>, for the tasks of <see cref="Empty"/>.</summary>
    public static ExperimentCell Cell(string method, int seed, params double[] scores) => Cell(method, seed, ExperimentVariant.Main, ["one", "two"], scores);

    public static TaskScore Score(double score) => new() { Score = score, Metric = "micro_f1", Samples = 100, MicroF1 = score, Precision = score, Recall = score };

    /// <summary>All methods, both sweeps, samplers, gates, and a failure.</summary>
    public static ExperimentResults Whole()
    {
        var random = new Random(7);
        var cells = new List<ExperimentCell>();
        double Level(string method) => method switch { "in-context" => 0.12, "p-tuning" => 0.48, "lorahub" => 0.44, "moelora-d" => 0.665, "moelora-s" => 0.655, _ => 0.63 };
        ExperimentCell Draw(string method, ExperimentVariant variant, int seed, double level)
        {
            double[] scores = [.. Tasks.Select((_, i) => Math.Clamp(level + (0.18 * Math.Sin(i * 2.1)) + (0.02 * (random.NextDouble() - 0.5)), 0, 1))];
            bool isGated = method.StartsWith("moelora", StringComparison.Ordinal);
            return Cell(method, seed, variant, Tasks, scores) with
            {
                TrainableParameters = method == "in-context" ? 0 : 245_760 + (method.Length * 1000),
                TotalParameters = 5_245_760,
                TrainingSeconds = method == "in-context" ? null : 310.5 + random.NextDouble() * 20,
                TrainingTokens = method == "in-context" ? null : 4_123_456,
                Steps = method == "in-context" ? null : 800,
                ValidationLoss = 0.31 + random.NextDouble() * 0.02,
                MillisecondsPerAnswer = 41.2 + random.NextDouble(),
                MillisecondsPerToken = 1.71 + random.NextDouble() * 0.05,
                ExpertWeights = isGated ? Tasks.ToDictionary(task => task, IReadOnlyList<double> (_) => Weights(random)) : null,
            };
        }

        foreach (Method method in Method.All)
        {
            for (int seed = 1; seed <= 3; seed++)
                cells.Add(Draw(method.Id, ExperimentVariant.Main, seed, Level(method.Id)));
        }

        for (int seed = 1; seed <= 3; seed++)
        {
            foreach (int experts in (int[])[1, 2, 4, 16])
                cells.Add(Draw("moelora-d", ExperimentVariant.Experts(experts), seed, 0.62 + (0.01 * Math.Log2(experts))));
            foreach (int rank in (int[])[4, 8, 32])
            {
                cells.Add(Draw("moelora-d", ExperimentVariant.Rank(rank), seed, 0.6 + (0.015 * Math.Log2(rank))));
                cells.Add(Draw("lora-full", ExperimentVariant.Rank(rank), seed, 0.58 + (0.013 * Math.Log2(rank))));
            }

            foreach (string sampler in (string[])["task-batches", "temperature"])
                cells.Add(Draw("moelora-d", ExperimentVariant.Sampler(sampler), seed, 0.61));
        }

        cells.RemoveAll(cell => cell is { Method: "molora", Seed: 3 });
        cells.Add(new ExperimentCell { Method = "molora", Seed = 3, Status = CellStatus.Failed, Failure = "Step 412 has the loss NaN: training has diverged. <lower the learning rate>" });
        return new ExperimentResults
        {
            Title = "Methods × tasks on made-up data",
            Tasks = Tasks,
            Experts = 8,
            Rank = 16,
            Sampler = "mixed",
            Settings = [new("base model", "demo, 5.0 million parameters"), new("steps", "800"), new("machine", "2 cores, AVX2")],
            Cells = cells,
        };
    }

    private static double[] Weights(Random random)
    {
        double[] raw = [.. Enumerable.Range(0, 8).Select(_ => Math.Exp(2 * random.NextDouble()))];
        return [.. raw.Select(value => value / raw.Sum())];
    }
}
