namespace MoeLora.Training.Sampling;

/// <summary>The names of samplers in configurations and results.</summary>
public static class SamplerNames
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<(string Name, SamplerKind Kind)> All { get; } =
        [("mixed", SamplerKind.Mixed), ("per-task", SamplerKind.PerTask), ("temperature", SamplerKind.Temperature)];

    /// <summary>The name of a sampler.</summary>
    public static string Of(SamplerKind kind) => All.First(sampler => sampler.Kind == kind).Name;

    /// <summary>The sampler with a name, or null.</summary>
    public static SamplerKind? Find(string name) => All.Where(sampler => sampler.Name == name).Select(sampler => (SamplerKind?)sampler.Kind).FirstOrDefault();
}
