using System.Text.Json;

namespace MoeLora.Models.Checkpoints;

/// <summary>Reads <c>*.index.json</c>: which shard holds which tensor.</summary>
internal static class ShardIndex
{
    /// <summary>Tensor name to shard file name; every shard name is a plain file name that ends in <paramref name="extension"/>.</summary>
    /// <exception cref="CheckpointException">The index is not valid; lists every problem found.</exception>
    public static IReadOnlyDictionary<string, string> Read(string path, string extension)
    {
        var problems = new ProblemList(path);
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        JsonMembers root = JsonMembers.ReadFile(path);
        if (!root.TryGetValue("weight_map", out JsonElement weights) || weights.ValueKind != JsonValueKind.Object)
            throw new CheckpointException($"{path}: there is no object 'weight_map' that names each tensor's shard.");
        foreach ((string tensor, JsonElement shard) in JsonMembers.Of(weights, path))
        {
            string? file = JsonMembers.Text(shard);
            if (file is null || !IsPlainFileName(file) || !file.EndsWith(extension, StringComparison.Ordinal))
                problems.Add($"tensor {ProblemList.Quote(tensor)} has the shard {ProblemList.Quote(file ?? shard.ValueKind.ToString())}; a shard is the name of a {extension} file beside the index.");
            else
                map.Add(tensor, file);
        }

        if (map.Count == 0 && problems.Count == 0)
            problems.Add("'weight_map' names no tensors.");
        problems.ThrowIfAny();
        return map;
    }

    private static bool IsPlainFileName(string name) =>
        name.Length is > 0 and <= 255 && name[0] != '.' && name.AsSpan().IndexOfAny("/\\:\0") < 0;
}
