namespace MoeLora.Models.Checkpoints;

/// <summary>Finds and opens the files of a checkpoint in the layouts in which models and adapters are published.</summary>
internal static class CheckpointFiles
{
    private const string Safetensors = ".safetensors";

    /// <summary>A model's weights in the order of preference.</summary>
    public static readonly string[] OfModel = ["model.safetensors", "model.safetensors.index.json"];

    /// <summary>An adapter's weights in the order of preference.</summary>
    public static readonly string[] OfAdapter = ["adapter_model.safetensors"];

    /// <summary>The path itself when it is a file, otherwise the first of <paramref name="names"/> in that directory.</summary>
    public static string Locate(string path, string[] names)
    {
        if (File.Exists(path))
            return path;
        if (!Directory.Exists(path))
            throw new CheckpointException($"{path}: there is no such file or directory.");
        return names.Select(name => Path.Combine(path, name)).FirstOrDefault(File.Exists)
            ?? throw new CheckpointException($"{path}: there are no weights here; looked for {string.Join(", ", names)}.");
    }

    /// <summary>Opens a file by the kind that its name says.</summary>
    public static Checkpoint Open(string file)
    {
        if (file.EndsWith(Safetensors, StringComparison.Ordinal))
            return SafetensorsCheckpoint.Map(file);
        if (file.EndsWith(Safetensors + ".index.json", StringComparison.Ordinal))
            return ShardedCheckpoint.Join(file, Safetensors, SafetensorsCheckpoint.Map);
        throw new CheckpointException($"{file}: a checkpoint is a .safetensors file or a .safetensors.index.json.");
    }
}
