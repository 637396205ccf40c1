using MoeLora.Adapters;
using MoeLora.Adapters.Bundles;
using MoeLora.Cli.Running;
using MoeLora.Cli.Terminals;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Tokenizers;
using MoeLora.Tensors;
using MoeLora.Tensors.Cpu;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Networks;
using MoeLora.Training.Parameters;
using MoeLora.Training.Pretraining;
using MoeLora.Training.Tokenization;

namespace MoeLora.Cli.Tests;

/// <summary>A random base model with a tokenizer of its own, and random adapters of it.</summary>
internal static class ToyModel
{
    /// <summary>Writes a base model whose tokenizer is trained on texts.</summary>
    public static void Write(string directory, IEnumerable<string> texts, int maxPositions)
    {
        (ITokenizer tokenizer, int end) = Pretrainer.TrainTokenizer(texts, new BytePairOptions { VocabularySize = 600 }, directory);
        var shape = new BaseModelShape { Hidden = 16, Layers = 1, Heads = 2, KeyValueHeads = 1, Intermediate = 24, MaxPositions = maxPositions };
        using var device = new CpuDevice(threads: 1);
        using Network network = NetworkLoader.Create(shape.ToConfig(tokenizer.VocabularySize, end), device, seed: 1);
        BaseModelFiles.Write(directory, network);
    }

    /// <summary>Writes a bundle with random experts and checks for a base model.</summary>
    public static void WriteBundle(string directory, string baseModel, IReadOnlyList<TaskName> tasks, int version)
    {
        using var device = new CpuDevice(threads: 1);
        using Network network = NetworkLoader.Load(baseModel, device, DType.F32);
        using var experts = new ExpertAdaptation(network, new ExpertSettings { Rank = 4, ExpertCount = 2, Alpha = 8, TaskEmbeddingDim = 4 }, tasks.Count, seed: version);
        foreach (Parameter parameter in experts.Parameters)
            Initialization.Normal(parameter, 0.5, seed: version);
        Adapter adapter = experts.ToAdapter(tasks);
        using LoadedModel loaded = LoadedModel.Load(baseModel, DType.F32, device, new ProgressSource());
        IReadOnlyList<BundleCheck> checks = loaded.ComputeChecks(adapter, [.. adapter.Tasks.Select(task => new CheckPrompt(task, [5, 6, 7]))], CancellationToken.None);
        AdapterBundle.Write(directory, adapter, new AdapterName("toy"), new AdapterVersion($"{version}"), BaseModelHash.Hash(baseModel), checks);
    }
}
