using MoeLora.Training.Methods;
using MoeLora.Training.Reports.Documents;
using MoeLora.Training.Reports.Results;
using MoeLora.Training.Scores;

namespace MoeLora.Training.Reports.Sections;

/// <summary>Everything in the results as CSV, one row for each thing that was measured.</summary>
internal static class ResultTables
{
    private static readonly string[] Key = ["method", "name", "variant", "seed"];

    public static string Scores(ExperimentResults results)
    {
        var csv = new CsvText([.. Key, "task", "metric", "score", "micro_f1", "macro_f1", "rouge_l", "precision", "recall", "samples"]);
        foreach (ExperimentCell cell in results.Cells)
        {
            foreach (string task in results.Tasks.Where(cell.Scores.ContainsKey))
            {
                TaskScore score = cell.Scores[task];
                csv.AddRow([.. KeyOf(cell), task, score.Metric, score.Score, score.MicroF1, score.MacroF1, score.RougeL, score.Precision, score.Recall, score.Samples]);
            }
        }

        return csv.ToString();
    }

    public static string Cells(ExperimentResults results)
    {
        var csv = new CsvText([.. Key, "status", "failure", "average", "trainable_parameters", "total_parameters", "trainable_share", "training_seconds",
            "training_tokens", "steps", "validation_loss", "milliseconds_per_answer", "milliseconds_per_token"]);
        foreach (ExperimentCell cell in results.Cells)
        {
            csv.AddRow([.. KeyOf(cell), cell.Status == CellStatus.Done ? "done" : "failed", cell.Failure, cell.Average(results.Tasks), cell.TrainableParameters,
                cell.TotalParameters, cell.TrainableShare, cell.TrainingSeconds, cell.TrainingTokens, cell.Steps, cell.ValidationLoss,
                cell.MillisecondsPerAnswer, cell.MillisecondsPerToken]);
        }

        return csv.ToString();
    }

    public static string ExpertWeights(ExperimentResults results)
    {
        var csv = new CsvText([.. Key, "task", "expert", "weight"]);
        foreach (ExperimentCell cell in results.Cells)
        {
            foreach ((string task, IReadOnlyList<double> weights) in cell.ExpertWeights ?? new Dictionary<string, IReadOnlyList<double>>())
            {
                for (int expert = 0; expert < weights.Count; expert++)
                    csv.AddRow([.. KeyOf(cell), task, expert + 1, weights[expert]]);
            }
        }

        return csv.ToString();
    }

    private static object?[] KeyOf(ExperimentCell cell) => [cell.Method, Method.Find(cell.Method)?.Name, cell.Variant.ToString(), cell.Seed];
}
