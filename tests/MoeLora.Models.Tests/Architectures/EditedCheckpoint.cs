using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Architectures;

/// <summary>A pack's checkpoint with tensors left out, added or replaced.</summary>
internal sealed unsafe class EditedCheckpoint(string pack) : Checkpoint
{
    private readonly Checkpoint _original = Open(Pack.Directory(pack));
    private readonly HashSet<string> _removed = [];
    private readonly Dictionary<string, (CheckpointTensor Tensor, Array Elements)> _added = [];

    public override IReadOnlyDictionary<string, CheckpointTensor> Tensors
        => _original.Tensors.Values.Where(tensor => !_removed.Contains(tensor.Name) && !_added.ContainsKey(tensor.Name))
            .Concat(_added.Values.Select(added => added.Tensor))
            .ToDictionary(tensor => tensor.Name);

    public override IReadOnlyList<string> Files => ["edited.safetensors"];

    public void Remove(string name) => _removed.Add(name);

    /// <summary>Adds or replaces a tensor; a shape of one number is a vector.</summary>
    public void Put<T>(string name, T[] elements, params int[] shape)
        where T : unmanaged
    {
        DType? dtype = typeof(T) == typeof(float) ? DType.F32 : typeof(T) == typeof(Half) ? DType.F16 : typeof(T) == typeof(ushort) ? DType.BF16 : null;
        T[] pinned = GC.AllocateUninitializedArray<T>(elements.Length, pinned: true);
        elements.CopyTo(pinned, 0);
        _added[name] = (new CheckpointTensor(name, dtype, dtype?.ToString() ?? typeof(T).Name, shape), pinned);
    }

    /// <summary>The elements of an F32 tensor.</summary>
    public float[] Elements(string name)
    {
        TensorView view = View(name);
        return new Span<float>(view.Data, view.Rows * view.Columns).ToArray();
    }

    public override TensorView View(string name)
    {
        if (!_added.TryGetValue(name, out (CheckpointTensor Tensor, Array Elements) added))
            return _original.View(name);
        IReadOnlyList<int> shape = added.Tensor.Shape;
        return new TensorView(Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(added.Elements)), added.Tensor.DType!.Value, shape.Count == 1 ? 1 : shape[0], shape[^1]);
    }

    public override void Dispose() => _original.Dispose();
}
