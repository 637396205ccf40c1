using MoeLora.Tensors;

namespace MoeLora.Models.Checkpoints;

/// <summary>One safetensors file, mapped.</summary>
internal sealed unsafe class SafetensorsCheckpoint : Checkpoint
{
    private readonly MappedFile _file;
    private readonly SafetensorsLayout _layout;

    private SafetensorsCheckpoint(MappedFile file)
    {
        _file = file;
        _layout = SafetensorsHeader.Read(file.Bytes, file.Path);
        Tensors = _layout.Slots.ToDictionary(slot => slot.Key, slot => slot.Value.Tensor, StringComparer.Ordinal);
        Files = [file.Path];
    }

    public override IReadOnlyDictionary<string, CheckpointTensor> Tensors { get; }

    public override IReadOnlyList<string> Files { get; }

    public override IReadOnlyDictionary<string, string> Metadata => _layout.Metadata;

    public static SafetensorsCheckpoint Map(string path)
    {
        MappedFile file = MappedFile.Open(path);
        try
        {
            return new SafetensorsCheckpoint(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public override TensorView View(string name)
    {
        if (!_layout.Slots.TryGetValue(name, out SafetensorsSlot slot))
            throw MatrixShape.NoSuchTensor(_file.Path, name);
        (DType dtype, int rows, int columns) = MatrixShape.Of(slot.Tensor, _file.Path);
        return new TensorView(_file.Bytes.At(_layout.DataStart + slot.Begin, slot.End - slot.Begin), dtype, rows, columns);
    }

    public override void Dispose() => _file.Dispose();
}
