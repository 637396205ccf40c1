using System.Diagnostics;
using MoeLora.Cli.Running;
using MoeLora.Cli.Terminals;
using MoeLora.Models.Tokenizers;
using MoeLora.Tensors;
using MoeLora.Training.Configuration;
using MoeLora.Training.Generation;
using MoeLora.Training.Networks;
using MoeLora.Training.Outputs;

namespace MoeLora.Cli.Answers;

/// <summary>Answers a test set with what a training run left, whatever its method: many prompts side by side, greedily.</summary>
/// <param name="model">The base model's directory.</param>
/// <param name="run">The run's directory.</param>
/// <param name="weights">How the base model's weights are kept; null as in the run.</param>
internal sealed class RunAnswers(string model, string run, DType? weights)
{
    /// <summary>Answers all records, on the thread that drives the device.</summary>
    public GivenAnswers Answer(TestSet test, int maxNewTokens, Device device, ProgressSource progress, CancellationToken cancellation)
    {
        var directory = new TrainingDirectory(run);
        TrainingConfiguration configuration = Configuration(directory);
        ITokenizer tokenizer = TokenizerReader.Read(model).Require();
        progress.Begin("Loading the base model");
        using Network network = NetworkLoader.Load(model, device, weights ?? configuration.Weights ?? PublishedWeights.FormatOf(model));
        using TrainedMethod method = TrainedMethod.Load(configuration, directory, network, tokenizer);
        test.RequireRoom(record => method.Encoder.Question(record).Tokens.Length, maxNewTokens, network.Config.MaxPositions);

        progress.Begin($"Answering {test.Records.Count} records");
        long start = Stopwatch.GetTimestamp();
        GenerationPrompt[] prompts = [.. test.Records.Select(method.Encoder.Question)];
        IReadOnlyList<int[]> answers = new GreedyGenerator(network, method.Adaptation).Generate(prompts, maxNewTokens, cancellation);
        TimeSpan time = Stopwatch.GetElapsedTime(start);
        progress.End();
        return new GivenAnswers([.. test.Records.Zip(answers, (record, tokens) => new GivenAnswer(record, tokens, method.Encoder.Text(tokens), tokens.Length < maxNewTokens))], time);
    }

    private static TrainingConfiguration Configuration(TrainingDirectory directory)
    {
        ConfigurationReading reading = ConfigurationReader.Read(directory.Configuration, []);
        return reading.Configuration ?? throw new CommandException($"{directory.Path} is not the directory of a training run:\n{string.Join('\n', reading.Problems)}");
    }
}
