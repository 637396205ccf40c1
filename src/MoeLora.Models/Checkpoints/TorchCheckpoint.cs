using MoeLora.Tensors;

namespace MoeLora.Models.Checkpoints;

/// <summary>One PyTorch archive, mapped.</summary>
internal sealed unsafe class TorchCheckpoint : Checkpoint
{
    private readonly MappedFile _file;
    private readonly IReadOnlyDictionary<string, TorchSlot> _slots;

    private TorchCheckpoint(MappedFile file)
    {
        _file = file;
        _slots = TorchArchive.Read(file.Bytes, file.Path);
        Tensors = _slots.ToDictionary(slot => slot.Key, slot => slot.Value.Tensor, StringComparer.Ordinal);
        Files = [file.Path];
    }

    public override IReadOnlyDictionary<string, CheckpointTensor> Tensors { get; }

    public override IReadOnlyList<string> Files { get; }

    public static TorchCheckpoint Map(string path)
    {
        MappedFile file = MappedFile.Open(path);
        try
        {
            return new TorchCheckpoint(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public override TensorView View(string name)
    {
        if (!_slots.TryGetValue(name, out TorchSlot slot))
            throw MatrixShape.NoSuchTensor(_file.Path, name);
        (DType dtype, int rows, int columns) = MatrixShape.Of(slot.Tensor, _file.Path);
        if (!slot.Contiguous)
            throw new CheckpointException($"{_file.Path}: tensor {ProblemList.Quote(name)} is strided (a transposed or sliced view); save it with .contiguous().");
        return new TensorView(_file.Bytes.At(slot.Begin, slot.End - slot.Begin), dtype, rows, columns);
    }

    public override void Dispose() => _file.Dispose();
}
