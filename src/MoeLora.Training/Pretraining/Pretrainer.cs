using MoeLora.Models.Tokenizers;
using MoeLora.Tensors;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Batches;
using MoeLora.Training.Networks;
using MoeLora.Training.Records;
using MoeLora.Training.Runs;
using MoeLora.Training.Tokenization;

namespace MoeLora.Training.Pretraining;

/// <summary>Trains a small base model from scratch on a corpus: first its tokenizer, then all its weights.</summary>
public static class Pretrainer
{
    /// <summary>The special token that ends every text.</summary>
    public const string EndOfText = "<|endoftext|>";

    /// <summary>Learns a tokenizer from the corpus and writes its <c>tokenizer.json</c> into a directory.</summary>
    /// <returns>The tokenizer as read back, and the id that ends a text.</returns>
    public static (ITokenizer Tokenizer, int EndToken) TrainTokenizer(IEnumerable<string> texts, BytePairOptions options, string directory)
    {
        TrainedTokenizer trained = BytePairTrainer.Train(texts, options);
        trained.WriteTo(directory);
        return (TokenizerReader.Read(directory).Require(), trained.IdOf(EndOfText));
    }

    /// <summary>Texts as samples: every token but the first is learnt, the end token included.</summary>
    /// <param name="corpus">Texts and their lines.</param>
    /// <param name="file">That they are from.</param>
    /// <param name="tokenizer">Trained on them.</param>
    /// <param name="endToken">The id that ends a text.</param>
    /// <param name="maxPositions">The most tokens of a sample.</param>
    /// <exception cref="RecordException">There is no text, or texts are longer than the model's positions; the message lists them.</exception>
    public static IReadOnlyList<TrainingSample> Encode(IEnumerable<(int Line, string Text)> corpus, string file, ITokenizer tokenizer, int endToken, int maxPositions)
    {
        var samples = new List<TrainingSample>();
        var problems = new RecordProblems();
        foreach ((int line, string text) in corpus)
        {
            int[] tokens = [.. tokenizer.Encode(text, addSpecialTokens: false), endToken];
            if (tokens.Length > maxPositions)
                problems.Add(new RecordProblem(RecordProblemKind.TooLong, file, line, $"the text has {tokens.Length} tokens, the model {maxPositions} positions. Give it more, or divide the text."));
            samples.Add(new TrainingSample(tokens, 1, 1, default));
        }
        if (samples.Count == 0)
            problems.Add(new RecordProblem(RecordProblemKind.NoRecords, file, 0, "the corpus holds no text."));
        problems.ThrowIfAny();
        return samples;
    }

    /// <summary>A new network of a shape, and a run over the samples. The caller advances the run and disposes both.</summary>
    public static (Network Network, TrainingRun Run) Begin(
        BaseModelShape shape, int vocabulary, int endToken, Device device, IReadOnlyList<TrainingSample> train, IReadOnlyList<TrainingSample> validation, TrainingSettings settings)
    {
        Network network = NetworkLoader.Create(shape.ToConfig(vocabulary, endToken), device, settings.Seed);
        try
        {
            return (network, new TrainingRun(network, new Adaptation(), train, validation, settings));
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }
}
