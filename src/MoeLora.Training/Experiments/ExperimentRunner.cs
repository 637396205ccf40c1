using MoeLora.Models.Tokenizers;
using MoeLora.Training.Methods;
using MoeLora.Training.Networks;
using MoeLora.Training.Records;
using MoeLora.Training.Reports.Results;
using MoeLora.Training.Runs;
using MoeLora.Training.Scores;
using MoeLora.Training.Segmentation;

namespace MoeLora.Training.Experiments;

/// <summary>Runs the cells of a plan one after the other, and scores each.</summary>
/// <param name="network">The frozen base model.</param>
/// <param name="tokenizer">Its tokenizer.</param>
/// <param name="data">Records.</param>
/// <param name="settings">What all cells share.</param>
/// <param name="segmenter">Cuts texts into words for ROUGE-L.</param>
public sealed class ExperimentRunner(Network network, ITokenizer tokenizer, MethodData data, MethodSettings settings, IWordSegmenter segmenter) : IDisposable
{
    private readonly MethodRunner _main = new(network, tokenizer, data, settings);

    /// <summary>Runs one cell.</summary>
    /// <param name="key">Which.</param>
    /// <param name="events">Told what happens, and in which of the cell's training runs.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <returns>The cell; where training diverges, or records do not fit with what the method adds to them, a failed one with its reason.</returns>
    public ExperimentCell Run(CellKey key, Action<string, TrainingEvent>? events = null, CancellationToken cancellation = default)
    {
        Method method = Method.Find(key.Method) ?? throw new ArgumentException($"There is no method {key.Method}.", nameof(key));
        try
        {
            if (key.Variant == ExperimentVariant.Main)
                return Cell(key, _main.Run(method, key.Seed, events, cancellation));
            using var runner = new MethodRunner(network, tokenizer, data, ExperimentPlan.Apply(key.Variant, settings));
            return Cell(key, runner.Run(method, key.Seed, events, cancellation));
        }
        catch (Exception e) when (e is TrainingDivergedException or RecordException or NotFiniteNumberException)
        {
            return new ExperimentCell { Method = key.Method, Variant = key.Variant, Seed = key.Seed, Status = CellStatus.Failed, Failure = e.Message };
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _main.Dispose();

    private ExperimentCell Cell(CellKey key, MethodResult result)
    {
        ScoreReport report = Evaluation.Score(data.Test, result.Predictions, segmenter);
        return new ExperimentCell
        {
            Method = key.Method,
            Variant = key.Variant,
            Seed = key.Seed,
            Status = CellStatus.Done,
            Scores = report.Scores,
            TrainableParameters = result.TrainableParameters,
            TotalParameters = network.ParameterCount + result.TrainableParameters,
            TrainingSeconds = result.TrainingTime.TotalSeconds,
            TrainingTokens = result.Tokens,
            Steps = result.Steps,
            ValidationLoss = result.ValidationLoss,
            MillisecondsPerToken = result.MillisecondsPerToken,
            ExpertWeights = result.ExpertWeights?.Select((weights, i) => (data.Tasks.Names[i], (IReadOnlyList<double>)[.. weights.Select(weight => (double)weight)])).ToDictionary(),
        };
    }
}
