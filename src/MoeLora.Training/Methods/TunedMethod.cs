using MoeLora.Training.Adaptations;
using MoeLora.Training.Records;
using MoeLora.Training.Samples;

namespace MoeLora.Training.Methods;

/// <summary>Which adaptation and which prompts answer some of the tasks.</summary>
/// <param name="TaskIds">The tasks.</param>
/// <param name="Adaptation">What is added to the base model.</param>
/// <param name="Encoder">Makes their prompts.</param>
internal sealed record TunedPart(IReadOnlyList<int> TaskIds, Adaptation Adaptation, SampleEncoder Encoder)
{
    /// <summary>Whether a record's task is one of <see cref="TaskIds"/>.</summary>
    public bool Answers(PromptRecord record) => Encoder.Tasks.Find(record.TaskDataset) is { } task && TaskIds.Contains(task);
}

/// <summary>What training a method cost.</summary>
internal sealed record TuningCost(long TrainableParameters = 0, long Steps = 0, long Tokens = 0, TimeSpan Time = default, double? ValidationLoss = null)
{
    /// <summary>The cost of both; validation losses of different runs have no common meaning and are dropped.</summary>
    public static TuningCost operator +(TuningCost a, TuningCost b) =>
        new(a.TrainableParameters + b.TrainableParameters, a.Steps + b.Steps, a.Tokens + b.Tokens, a.Time + b.Time);
}

/// <summary>A method after training: ready to answer. Owns those adaptations that nothing else keeps.</summary>
internal sealed record TunedMethod(IReadOnlyList<TunedPart> Parts, TuningCost Cost, bool OwnsAdaptations = true) : IDisposable
{
    public void Dispose()
    {
        if (!OwnsAdaptations)
            return;
        foreach (Adaptation adaptation in Parts.Select(part => part.Adaptation).Distinct())
            adaptation.Dispose();
    }
}
