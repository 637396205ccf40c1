using MoeLora.Tensors.Cpu;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Batches;
using MoeLora.Training.Networks;
using MoeLora.Training.Optimization;
using MoeLora.Training.Runs;
using MoeLora.Training.Tests.Networks;

namespace MoeLora.Training.Tests.Runs;

/// <summary>A run on a toy problem: task 1 answers the first token of the prompt, task 2 the second.</summary>
internal sealed class ToyRun : IDisposable
{
    private readonly CpuDevice _device;
    private readonly Network _network;
    private readonly Adaptation _adaptation;

    public ToyRun(TinyModel model, TrainingSettings? settings = null, int threads = 1, bool trainsBase = false, int samples = 24)
    {
        _device = new CpuDevice(threads);
        _network = trainsBase ? model.Train(_device) : model.Freeze(_device);
        _adaptation = trainsBase
            ? new Adaptation()
            : new ExpertAdaptation(_network, new ExpertSettings { Rank = 6, ExpertCount = 3, Alpha = 12, Dropout = 0.1f, TaskEmbeddingDim = 5 }, taskCount: 2, seed: 1);
        Run = new TrainingRun(_network, _adaptation, [.. Enumerable.Range(0, samples).Select(Sample)], [.. Enumerable.Range(100, 6).Select(Sample)], settings ?? Settings);
    }

    /// <summary>Several passes in a step, dropout, clipping, decay and validation.</summary>
    public static TrainingSettings Settings { get; } = new()
    {
        Steps = 8,
        BatchSize = 8,
        PassRows = 12,
        ValidationInterval = 3,
        Seed = 5,
        Optimizer = new OptimizerSettings { LearningRate = 1e-2, WarmupSteps = 2, WeightDecay = 0.01f },
    };

    public TrainingRun Run { get; }

    public List<TrainingEvent> Events { get; } = [];

    public IEnumerable<double> Losses => Events.OfType<StepTaken>().Select(step => step.Loss);

    public float[][] Values => [.. Run.Parameters.Select(parameter => parameter.ToArray())];

    /// <summary>The mean loss of the base model without what is trained.</summary>
    public double BaseLoss()
    {
        using var nothing = new Adaptation();
        return TrainingRun.MeanLoss(_network, nothing, [TinyModel.Pack(Enumerable.Range(0, 6).Select(Sample))]);
    }

    public ToyRun Advance(long step)
    {
        while (Run.Step < step)
            Run.Advance(Events.Add);
        return this;
    }

    public void Dispose()
    {
        Run.Dispose();
        _adaptation.Dispose();
        _network.Dispose();
        _device.Dispose();
    }

    private TrainingSample Sample(int index)
    {
        int first = 1 + index % 5, second = 1 + index * 7 % 11, task = 1 + index % 2;
        return new TrainingSample([first, second, 21, task == 1 ? first : second, 26], 3, task, default);
    }
}
