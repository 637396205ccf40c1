using System.Collections.ObjectModel;
using MoeLora.Tensors;

namespace MoeLora.Models.Checkpoints;

/// <summary>Where a tensor of a checkpoint is and what it looks like.</summary>
/// <param name="Name">As published.</param>
/// <param name="DType">F32, F16 or BF16; null when the elements are of a kind that weights here cannot have, such as I64.</param>
/// <param name="PublishedDType">What the file calls its elements: <c>F32</c>, <c>I64</c>, <c>torch.FloatStorage</c>.</param>
/// <param name="Shape">As published; at most two dimensions can be viewed.</param>
public sealed record CheckpointTensor(string Name, DType? DType, string PublishedDType, IReadOnlyList<int> Shape)
{
    /// <summary>The shape as messages print it: <c>[64, 32]</c>.</summary>
    public string ShapeText => $"[{string.Join(", ", Shape)}]";
}

/// <summary>
/// Named tensors read from files without running anything: memory-mapped safetensors or a restricted PyTorch archive, one file or sharded.
/// </summary>
public abstract class Checkpoint : IDisposable
{
    /// <summary>All tensors by name.</summary>
    public abstract IReadOnlyDictionary<string, CheckpointTensor> Tensors { get; }

    /// <summary>The files that were read, for hashing and messages.</summary>
    public abstract IReadOnlyList<string> Files { get; }

    /// <summary>Free text that the file carries beside its tensors: safetensors' <c>__metadata__</c> of a single file, otherwise empty.</summary>
    public virtual IReadOnlyDictionary<string, string> Metadata => ReadOnlyDictionary<string, string>.Empty;

    /// <summary>
    /// Opens a model's weights: a file of a known kind, or a directory with (first match) <c>model.safetensors</c>,
    /// <c>model.safetensors.index.json</c>, <c>pytorch_model.bin</c>, <c>pytorch_model.bin.index.json</c>.
    /// </summary>
    /// <exception cref="CheckpointException">Nothing is found (says what was looked for), or a file is damaged or lies; lists every problem.</exception>
    public static Checkpoint Open(string path) => CheckpointFiles.Open(CheckpointFiles.Locate(path, CheckpointFiles.OfModel));

    /// <summary>Opens an adapter's weights: a file of a known kind, or a directory with <c>adapter_model.safetensors</c> or <c>adapter_model.bin</c>.</summary>
    /// <exception cref="CheckpointException">Nothing is found (says what was looked for), or a file is damaged or lies; lists every problem.</exception>
    public static Checkpoint OpenAdapter(string path) => CheckpointFiles.Open(CheckpointFiles.Locate(path, CheckpointFiles.OfAdapter));

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
