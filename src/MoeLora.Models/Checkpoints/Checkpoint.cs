using MoeLora.Tensors;

namespace MoeLora.Models.Checkpoints;

/// <summary>Where a tensor of a checkpoint is and what it looks like.</summary>
/// <param name="Name">As published.</param>
/// <param name="DType">F32, F16 or BF16.</param>
/// <param name="Shape">As published; at most two dimensions can be viewed.</param>
public sealed record CheckpointTensor(string Name, DType DType, IReadOnlyList<int> Shape);

/// <summary>
/// Named tensors read from files without running anything: memory-mapped safetensors or a restricted PyTorch archive, one file or sharded.
/// </summary>
public abstract class Checkpoint : IDisposable
{
    /// <summary>All tensors by name.</summary>
    public abstract IReadOnlyDictionary<string, CheckpointTensor> Tensors { get; }

    /// <summary>The files that were read, for hashing and messages.</summary>
    public abstract IReadOnlyList<string> Files { get; }

    /// <summary>A view of a tensor of one or two dimensions; a vector is one row. Valid until the checkpoint is disposed.</summary>
    /// <exception cref="CheckpointException">There is no such tensor, or it cannot be viewed as a matrix.</exception>
    public abstract TensorView View(string name);

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>A checkpoint, its config or its tokenizer cannot be used: the message says what is wrong, in which file, and how to mend it.</summary>
public sealed class CheckpointException : Exception
{
    /// <summary>Creates the exception.</summary>
    public CheckpointException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
