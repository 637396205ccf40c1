using MoeLora.Training.Methods;
using MoeLora.Training.Reports.Results;
using MoeLora.Training.Sampling;

namespace MoeLora.Training.Experiments;

/// <summary>Which cells an experiment has: methods by seeds, and MOELoRA (D) with other settings by seeds.</summary>
public sealed record ExperimentPlan
{
    /// <summary>The compared methods.</summary>
    public IReadOnlyList<Method> Methods { get; init; } = Method.All;

    /// <summary>A training of each method for each of them.</summary>
    public IReadOnlyList<int> Seeds { get; init; } = [1, 2, 3];

    /// <summary>Numbers of experts to try besides the configured one.</summary>
    public IReadOnlyList<int> ExpertCounts { get; init; } = [];

    /// <summary>Ranks to try besides the configured one.</summary>
    public IReadOnlyList<int> Ranks { get; init; } = [];

    /// <summary>Samplers to try besides the configured one.</summary>
    public IReadOnlyList<SamplerKind> Samplers { get; init; } = [];

    /// <summary>The cells: seed after seed, so that an experiment that is stopped early has whole rounds.</summary>
    public IEnumerable<CellKey> Cells()
    {
        foreach (int seed in Seeds)
        {
            foreach (Method method in Methods)
                yield return new CellKey(method.Id, ExperimentVariant.Main, seed);
            foreach (ExperimentVariant variant in Variants())
                yield return new CellKey(Method.MoeLoraDense.Id, variant, seed);
        }
    }

    /// <summary>Everything that is wrong with this plan for the configured settings.</summary>
    public IEnumerable<string> FindProblems(MethodSettings settings)
    {
        if (Methods.Count == 0 && !Variants().Any())
            yield return "there is nothing to run: name methods or a sweep.";
        if (Seeds.Count == 0)
            yield return "seeds: give at least one.";
        foreach (CellKey cell in Cells().CountBy(cell => cell).Where(count => count.Value > 1).Select(count => count.Key))
            yield return $"{cell} is planned twice.";
        foreach (ExperimentVariant variant in Variants())
        {
            MethodSettings varied = Apply(variant, settings);
            if (varied == settings)
                yield return $"{variant} is what is configured, with which {Method.MoeLoraDense.Id} runs as a method; leave it out of the sweep.";
            foreach (string problem in varied.Experts.FindProblems())
                yield return $"{variant}: {problem}";
        }
        if (Samplers.Contains(SamplerKind.Temperature) && settings.Training.Temperature == 1)
            yield return "a sampler temperature of 1 draws as mixed does: configure the sampler temperature with another temperature, and sweep over mixed.";
        foreach (string problem in settings.Experts.FindProblems().Concat(settings.Training.FindProblems()))
            yield return problem;
    }

    /// <summary>The settings of a cell.</summary>
    public static MethodSettings Apply(ExperimentVariant variant, MethodSettings settings) => variant.Kind switch
    {
        VariantKind.Experts => settings with { Experts = settings.Experts with { ExpertCount = Number(variant) } },
        VariantKind.Rank => settings with { Experts = settings.Experts with { Rank = Number(variant), Alpha = settings.Experts.Alpha * Number(variant) / settings.Experts.Rank } },
        VariantKind.Sampler => settings with { Training = settings.Training with { Sampler = SamplerNames.Find(variant.Value) ?? throw new ArgumentException($"There is no sampler {variant.Value}.") } },
        _ => settings,
    };

    private IEnumerable<ExperimentVariant> Variants() =>
        [.. ExpertCounts.Select(ExperimentVariant.Experts), .. Ranks.Select(ExperimentVariant.Rank), .. Samplers.Select(sampler => ExperimentVariant.Sampler(SamplerNames.Of(sampler)))];

    private static int Number(ExperimentVariant variant) => int.Parse(variant.Value, System.Globalization.CultureInfo.InvariantCulture);
}
