namespace MoeLora.Models.Checkpoints;

/// <summary>Finds and opens the files of a checkpoint in the layouts in which models and adapters are published.</summary>
internal static class CheckpointFiles
{
    private const string Safetensors = ".safetensors";
    private const string Torch = ".bin";
    private const string Index = ".index.json";

    /// <summary>A model's weights in the order of preference.</summary>
    public static readonly string[] OfModel =
        ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"];

    /// <summary>An adapter's weights in the order of preference.</summary>
    public static readonly string[] OfAdapter = ["adapter_model.safetensors", "adapter_model.bin"];

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

    /// <summary>The file itself, and when it is an index, the shards that it names.</summary>
    public static IReadOnlyList<string> WithShards(string file)
    {
        if (!file.EndsWith(Index, StringComparison.Ordinal))
            return [file];
        string extension = file.EndsWith(Safetensors + Index, StringComparison.Ordinal) ? Safetensors : Torch;
        string directory = Path.GetDirectoryName(file)!;
        return [file, .. ShardIndex.Read(file, extension).Values.Distinct(StringComparer.Ordinal).Select(shard => Path.Combine(directory, shard))];
    }

    /// <summary>Opens a file by the kind that its name says.</summary>
    public static Checkpoint Open(string file)
    {
        if (file.EndsWith(Safetensors, StringComparison.Ordinal))
            return SafetensorsCheckpoint.Map(file);
        if (file.EndsWith(Safetensors + Index, StringComparison.Ordinal))
            return ShardedCheckpoint.Join(file, Safetensors, SafetensorsCheckpoint.Map);
        if (file.EndsWith(Torch, StringComparison.Ordinal))
            return TorchCheckpoint.Map(file);
        if (file.EndsWith(Torch + Index, StringComparison.Ordinal))
            return ShardedCheckpoint.Join(file, Torch, TorchCheckpoint.Map);
        throw new CheckpointException($"{file}: a checkpoint's name ends in {Safetensors}, {Torch}, {Safetensors}{Index} or {Torch}{Index}.");
    }
}
