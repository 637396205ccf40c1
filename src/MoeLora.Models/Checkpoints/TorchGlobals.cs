using System.Collections.Frozen;
using MoeLora.Tensors;

namespace MoeLora.Models.Checkpoints;

/// <summary>All that a pickle may name, and what each does. Nothing is looked up anywhere else, so nothing else can be reached.</summary>
internal static class TorchGlobals
{
    private static readonly FrozenDictionary<string, PickleGlobal> Allowed = new PickleGlobal[]
    {
        new PickleFunction("torch._utils._rebuild_tensor_v2", RebuildTensor),
        new PickleFunction("torch._utils._rebuild_parameter", RebuildParameter),
        new PickleFunction("collections.OrderedDict", NewOrderedDict),
        new TorchStorageKind("torch.FloatStorage", 4, DType.F32),
        new TorchStorageKind("torch.HalfStorage", 2, DType.F16),
        new TorchStorageKind("torch.BFloat16Storage", 2, DType.BF16),
        new TorchStorageKind("torch.DoubleStorage", 8, null),
        new TorchStorageKind("torch.LongStorage", 8, null),
        new TorchStorageKind("torch.IntStorage", 4, null),
        new TorchStorageKind("torch.ShortStorage", 2, null),
        new TorchStorageKind("torch.CharStorage", 1, null),
        new TorchStorageKind("torch.ByteStorage", 1, null),
        new TorchStorageKind("torch.BoolStorage", 1, null),
    }.ToFrozenDictionary(global => global.FullName, StringComparer.Ordinal);

    /// <exception cref="PickleFault">The name is not on the list.</exception>
    public static PickleGlobal Find(string module, string name)
    {
        string fullName = $"{module}.{name}";
        return Allowed.TryGetValue(fullName, out PickleGlobal? global)
            ? global
            : throw new PickleFault($"{ProblemList.Printable(fullName)} is not allowed in a checkpoint: a checkpoint may only hold tensors");
    }

    /// <summary>The object of a persistent id ('storage', kind, key, device, elements).</summary>
    /// <exception cref="PickleFault">The id is not that of a storage.</exception>
    public static TorchStorage Storage(object? id) =>
        id is object?[] and ["storage", TorchStorageKind kind, string key, string, long elements and >= 0]
            ? new TorchStorage(kind, key, elements)
            : throw new PickleFault("a persistent id must be ('storage', kind, key, device, elements)");

    /// <summary>_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks[, metadata]).</summary>
    private static TorchTensor RebuildTensor(object?[] arguments)
    {
        if (arguments is not [TorchStorage storage, long offset and >= 0, object?[] size, object?[] stride, bool, PickleDict { Items.Count: 0 }, .. var rest]
            || rest is not ([] or [null] or [PickleDict { Items.Count: 0 }]))
            throw new PickleFault("_rebuild_tensor_v2 takes (storage, offset, size, stride, requires_grad, no hooks)");
        if (size.Length > MatrixShape.MaxDimensions || size.Length != stride.Length)
            throw new PickleFault($"a tensor of {size.Length} dimensions with {stride.Length} strides; there may be up to {MatrixShape.MaxDimensions} of both");

        var shape = new int[size.Length];
        Int128 elements = 1;
        Int128 last = offset;
        bool contiguous = true;
        for (int i = size.Length - 1; i >= 0; i--)
        {
            if (size[i] is not (long and >= 0 and <= int.MaxValue) || stride[i] is not (long and >= 0))
                throw new PickleFault("sizes and strides must be whole numbers from 0, sizes below 2^31");
            long count = (long)size[i]!;
            long step = (long)stride[i]!;
            shape[i] = (int)count;
            contiguous &= count == 1 || step == elements;
            elements *= count;
            last += (Int128)Math.Max(count - 1, 0) * step;
            if (elements > long.MaxValue || last > long.MaxValue)
                throw new PickleFault("the tensor's size overflows");
        }

        if (elements == 0 ? offset > storage.Elements : last >= storage.Elements)
            throw new PickleFault($"a tensor reaches element {last} of a storage of {storage.Elements}");
        return new TorchTensor(storage, offset, shape, contiguous || elements == 0);
    }

    /// <summary>_rebuild_parameter(tensor, requires_grad, backward_hooks): the tensor.</summary>
    private static TorchTensor RebuildParameter(object?[] arguments) =>
        arguments is [TorchTensor tensor, bool, PickleDict { Items.Count: 0 }]
            ? tensor
            : throw new PickleFault("_rebuild_parameter takes (tensor, requires_grad, no hooks)");

    private static PickleDict NewOrderedDict(object?[] arguments) =>
        arguments.Length == 0 ? new PickleDict(ordered: true) : throw new PickleFault("OrderedDict takes no arguments in a checkpoint");
}
