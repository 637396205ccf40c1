using MoeLora.Tensors;

namespace MoeLora.Models.Checkpoints;

/// <summary>Several files that an index joins into one checkpoint.</summary>
internal sealed class ShardedCheckpoint : Checkpoint
{
    private readonly IReadOnlyList<Checkpoint> _shards;
    private readonly Dictionary<string, Checkpoint> _byTensor = new(StringComparer.Ordinal);

    private ShardedCheckpoint(string indexPath, IReadOnlyList<Checkpoint> shards)
    {
        _shards = shards;
        var tensors = new Dictionary<string, CheckpointTensor>(StringComparer.Ordinal);
        foreach (Checkpoint shard in shards)
        {
            foreach ((string name, CheckpointTensor tensor) in shard.Tensors)
            {
                tensors.Add(name, tensor);
                _byTensor.Add(name, shard);
            }
        }

        Tensors = tensors;
        Files = [indexPath, .. shards.SelectMany(shard => shard.Files)];
    }

    public override IReadOnlyDictionary<string, CheckpointTensor> Tensors { get; }

    public override IReadOnlyList<string> Files { get; }

    /// <summary>Opens every shard that the index names.</summary>
    /// <exception cref="CheckpointException">Index and shards do not agree; lists every problem found.</exception>
    public static ShardedCheckpoint Join(string indexPath, string extension, Func<string, Checkpoint> openShard)
    {
        IReadOnlyDictionary<string, string> shardOfTensor = ShardIndex.Read(indexPath, extension);
        string directory = Path.GetDirectoryName(Path.GetFullPath(indexPath))!;
        var problems = new ProblemList(indexPath);
        var shards = new SortedDictionary<string, Checkpoint>(StringComparer.Ordinal);
        try
        {
            foreach (string file in shardOfTensor.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
                OpenShard(Path.Combine(directory, file), file, openShard, shards, problems);
            CheckAgreement(shardOfTensor, shards, problems);
            problems.ThrowIfAny();
            return new ShardedCheckpoint(indexPath, [.. shards.Values]);
        }
        catch
        {
            foreach (Checkpoint shard in shards.Values)
                shard.Dispose();
            throw;
        }
    }

    private static void OpenShard(string path, string file, Func<string, Checkpoint> open, SortedDictionary<string, Checkpoint> shards, ProblemList problems)
    {
        if (!File.Exists(path))
        {
            problems.Add($"the shard {ProblemList.Quote(file)} is missing.");
            return;
        }

        try
        {
            shards.Add(file, open(path));
        }
        catch (CheckpointException e)
        {
            problems.Add(e.Message);
        }
    }

    private static void CheckAgreement(IReadOnlyDictionary<string, string> shardOfTensor, SortedDictionary<string, Checkpoint> shards, ProblemList problems)
    {
        foreach ((string tensor, string file) in shardOfTensor)
        {
            if (shards.TryGetValue(file, out Checkpoint? shard) && !shard.Tensors.ContainsKey(tensor))
                problems.Add($"tensor {ProblemList.Quote(tensor)} is not in the shard {ProblemList.Quote(file)} that the index names.");
        }

        var firstShard = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach ((string file, Checkpoint shard) in shards)
        {
            foreach (string tensor in shard.Tensors.Keys)
            {
                if (!firstShard.TryAdd(tensor, file))
                    problems.Add($"tensor {ProblemList.Quote(tensor)} is in both {ProblemList.Quote(firstShard[tensor])} and {ProblemList.Quote(file)}.");
                else if (!shardOfTensor.ContainsKey(tensor))
                    problems.Add($"tensor {ProblemList.Quote(tensor)} of the shard {ProblemList.Quote(file)} is not in the index.");
            }
        }
    }

    public override TensorView View(string name) =>
        _byTensor.TryGetValue(name, out Checkpoint? shard) ? shard.View(name) : throw MatrixShape.NoSuchTensor(Files[0], name);

    public override void Dispose()
    {
        foreach (Checkpoint shard in _shards)
            shard.Dispose();
    }
}
