using MoeLora.Training.Adaptations;
using MoeLora.Training.Networks;

namespace MoeLora.Training.Tests.Networks;

/// <summary>Every method that adds parameters, small and with random values, by name.</summary>
internal static class TinyMethods
{
    public static readonly string[] Names = ["shared", "shared top-k", "per module", "uniform", "lora", "routed", "p-tuning", "shared dropout", "routed dropout"];

    public static Adaptation Create(string name, Network network)
    {
        ExpertSettings settings = new() { Rank = 6, ExpertCount = 3, Alpha = 9, Dropout = 0, TaskEmbeddingDim = 5 };
        Adaptation adaptation = name switch
        {
            "shared" => new ExpertAdaptation(network, settings, taskCount: 2, seed: 5),
            "shared top-k" => new ExpertAdaptation(network, settings with { TopK = 2 }, taskCount: 2, seed: 5),
            "per module" => new ExpertAdaptation(network, settings with { Gate = GateKind.PerModule }, taskCount: 2, seed: 5),
            "uniform" => new ExpertAdaptation(network, settings with { Gate = GateKind.Uniform }, taskCount: 2, seed: 5),
            "lora" => new ExpertAdaptation(network, settings with { Gate = GateKind.None }, taskCount: 2, seed: 5),
            "routed" => new RoutedAdaptation(network, settings, seed: 5),
            "p-tuning" => new PromptAdaptation(network, count: 3, seed: 5),
            "shared dropout" => new ExpertAdaptation(network, settings with { Dropout = 0.3f }, taskCount: 2, seed: 5),
            "routed dropout" => new RoutedAdaptation(network, settings with { Dropout = 0.3f }, seed: 5),
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
        };
        TinyModel.Randomise(adaptation.Parameters);
        return adaptation;
    }
}
