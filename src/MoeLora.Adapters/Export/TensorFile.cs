using MoeLora.Models.Checkpoints;

namespace MoeLora.Adapters.Export;

/// <summary>Writes an adapter's tensors as safetensors, in F32: every format that can be read is held exactly.</summary>
internal static class TensorFile
{
    // Some readers of the file look for this before they load it.
    private static readonly Dictionary<string, string> Metadata = new() { ["format"] = "pt" };

    public static void Write(string path, IEnumerable<NamedMatrix> tensors) =>
        SafetensorsWriter.Write(path, tensors.Select(t => new SafetensorsEntry(t.Name, [t.Rows, t.Columns], t.Values)), Metadata);
}
