using MoeLora.Deploy.Tests.Charts;

namespace MoeLora.Deploy.Tests;

/// <summary>The chart and its examples.</summary>
internal static class ChartExamples
{
    public static Chart Chart { get; } = new(Repository.At("helm", "moelora-grid"));

    /// <summary>The names of all examples.</summary>
    public static TheoryData<string> Names { get; } =
        [.. Directory.EnumerateFiles(Repository.At("helm", "moelora-grid", "examples"), "*.yaml").Select(file => Path.GetFileNameWithoutExtension(file)).Order(StringComparer.Ordinal)];

    public static Dictionary<string, object?> Values(string name) => YamlTree.Map(Repository.Read("helm", "moelora-grid", "examples", name + ".yaml"));

    /// <summary>An example's values with one of them replaced.</summary>
    /// <param name="name">The example.</param>
    /// <param name="path">Keys and positions, with full stops between them.</param>
    /// <param name="yaml">The value.</param>
    public static Dictionary<string, object?> Values(string name, string path, string yaml)
    {
        Dictionary<string, object?> values = Values(name);
        string[] keys = path.Split('.');
        object? holder = values;
        foreach (string key in keys[..^1])
        {
            if (holder is Dictionary<string, object?> map && !map.ContainsKey(key))
                map[key] = new Dictionary<string, object?>();
            holder = holder.At(key);
        }

        ((Dictionary<string, object?>)holder!)[keys[^1]] = YamlTree.Map($"value: {yaml}")["value"];
        return values;
    }
}
