using MoeLora.Tensors;

namespace MoeLora.Models.Checkpoints;

/// <summary>A pickle asks for something that a file of tensors does not need. The reader adds where.</summary>
internal sealed class PickleFault(string message) : Exception(message);

/// <summary>A dictionary in a pickle, ordered or plain: pairs as they were set, because nothing here needs to look up a key.</summary>
internal sealed class PickleDict(bool ordered = false)
{
    private List<KeyValuePair<object?, object?>>? _items;

    /// <summary>True for collections.OrderedDict.</summary>
    public bool Ordered { get; } = ordered;

    public IReadOnlyList<KeyValuePair<object?, object?>> Items => _items ?? (IReadOnlyList<KeyValuePair<object?, object?>>)[];

    public void Set(object? key, object? value) => (_items ??= []).Add(new(key, value));
}

/// <summary>Something a pickle names by module and name. There are no others than those in <see cref="TorchGlobals"/>.</summary>
internal abstract record PickleGlobal(string FullName);

/// <summary>A function that a pickle may call.</summary>
internal sealed record PickleFunction(string FullName, Func<object?[], object> Call) : PickleGlobal(FullName);

/// <summary>A kind of storage: its elements' size, and their dtype where weights can have it.</summary>
internal sealed record TorchStorageKind(string FullName, int ElementBytes, DType? DType) : PickleGlobal(FullName);

/// <summary>A storage that tensors share: an entry of the archive and how many elements it holds.</summary>
internal sealed record TorchStorage(TorchStorageKind Kind, string Key, long Elements);

/// <summary>A tensor: a storage, where in it the tensor begins (in elements), its shape, and whether it lies densely in row-major order.</summary>
internal sealed record TorchTensor(TorchStorage Storage, long Offset, int[] Shape, bool Contiguous);
