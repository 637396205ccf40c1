using System.Globalization;
using MoeLora.Models.Tokenizers;
using MoeLora.Tensors;
using MoeLora.Tensors.Cpu;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Methods;
using MoeLora.Training.Networks;
using MoeLora.Training.Optimization;
using MoeLora.Training.Pretraining;
using MoeLora.Training.Records;
using MoeLora.Training.Runs;
using MoeLora.Training.Samples;
using MoeLora.Training.Tests.Networks;
using MoeLora.Training.Tokenization;

namespace MoeLora.Training.Tests.Methods;

/// <summary>
/// A random base model with its tokenizer, and three tasks that have the same inputs and a constant answer each, so that only the task says what to
/// answer.
/// </summary>
public sealed class ToyTasks : IDisposable
{
    public static readonly string[] Names = ["KUAKE-IR", "KUAKE-QQR", "KUAKE-QTR"];

    private static readonly string[] Answers = ["甲", "乙", "丙"];

    private readonly CpuDevice _device = new(threads: 1);

    public ToyTasks()
    {
        IEnumerable<string> texts = Data.Train.Select(record => $"{record.Input}\n{record.Target}");
        (Tokenizer, int end) = Pretrainer.TrainTokenizer(texts, new BytePairOptions { VocabularySize = 280 }, Directory);
        var shape = new BaseModelShape { Hidden = 16, Layers = 1, Heads = 2, KeyValueHeads = 1, Intermediate = 24, MaxPositions = 80 };
        using (Network trained = NetworkLoader.Create(shape.ToConfig(Tokenizer.VocabularySize, end), _device, seed: 3))
        {
            TinyModel.Randomise(trained.Parameters);
            BaseModelFiles.Write(Directory, trained);
        }
        Network = NetworkLoader.Load(Directory, _device, DType.F32);
    }

    /// <summary>Twelve records of each task to learn from, two to validate on, three to be answered, the tasks in turns.</summary>
    public static MethodData Data { get; } = new(new TaskSet(Names), Records(0, 12), Records(12, 2), Records(14, 3));

    public static MethodSettings Settings { get; } = new()
    {
        Experts = new ExpertSettings { Rank = 4, ExpertCount = 2, Alpha = 8, Dropout = 0.1f, TaskEmbeddingDim = 3 },
        Training = new TrainingSettings { Steps = 3, BatchSize = 6, ValidationInterval = 2, Optimizer = new OptimizerSettings { LearningRate = 1e-2 } },
        MaxNewTokens = 4,
        VirtualTokens = 3,
        SparseTopK = 1,
        HubSamples = 2,
        HubTrials = 4,
        ArithmeticScales = [0.3, 1],
    };

    public string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("moelora-toy-").FullName;

    public Network Network { get; }

    public ITokenizer Tokenizer { get; }

    public static PromptRecord Record(string task, int number) => new()
    {
        Input = string.Create(CultureInfo.InvariantCulture, $"第{number}句怎么看？"),
        Target = Answers[Array.IndexOf(Names, task)],
        AnswerChoices = null,
        TaskType = "matching",
        TaskDataset = task,
        SampleId = string.Create(CultureInfo.InvariantCulture, $"{task}-{number}"),
        SourceFile = "toy.jsonl",
        SourceLine = number + 1,
    };

    public MethodRunner Runner(MethodSettings? settings = null, MethodData? data = null) => new(Network, Tokenizer, data ?? Data, settings ?? Settings);

    internal MethodTuner Tuner(MethodSettings settings) => new(Network, Tokenizer, Data, settings, seed: 1, (_, _) => { }, default);

    public void Dispose()
    {
        Network.Dispose();
        _device.Dispose();
        System.IO.Directory.Delete(Directory, recursive: true);
    }

    private static PromptRecord[] Records(int first, int count) => [.. Enumerable.Range(first, count).SelectMany(number => Names.Select(task => Record(task, number)))];
}
