using MoeLora.Adapters;
using MoeLora.Adapters.Experts;
using MoeLora.Adapters.Gates;
using MoeLora.Models;

namespace MoeLora.Cli.Benchmarks;

/// <summary>Adapters whose numbers mean nothing: for measuring speed and memory.</summary>
internal static class RandomAdapter
{
    private const int TaskEmbeddingDim = 64;
    private const float ExpertRange = 0.02f;

    /// <summary>An adapter of every dense layer of a model, with the usual scaling α = 2r.</summary>
    public static Adapter Create(CausalModel model, int tasks, int rank, int experts, int seed)
    {
        var random = new Random(seed);
        AdaptedModule[] modules =
        [
            .. model.LinearModules.Select(module => new AdaptedModule(
                module, rank, Values(random, rank * module.InFeatures, ExpertRange), Values(random, module.OutFeatures * rank, ExpertRange))),
        ];
        var gate = new TaskGate(
            tasks,
            experts,
            TaskEmbeddingDim,
            Values(random, (tasks + 1) * TaskEmbeddingDim, 1),
            Values(random, experts * TaskEmbeddingDim, 1));
        return new Adapter(
            AdapterKind.SharedGate,
            new ExpertBank(modules, experts, alpha: 2 * rank),
            [gate],
            [.. Enumerable.Range(1, tasks).Select(id => new AdapterTask(id, TaskName.OfId(id)))],
            [.. model.LinearModules.Select(module => module.ShortName).Distinct()]);
    }

    // Uniform in [-range, range).
    private static float[] Values(Random random, int count, float range)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = range * (2 * random.NextSingle() - 1);
        return values;
    }
}
