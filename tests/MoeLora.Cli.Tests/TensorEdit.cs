using System.Buffers.Binary;
using System.Text.Json;

namespace MoeLora.Cli.Tests;

/// <summary>Changes a value of a safetensors file.</summary>
internal static class TensorEdit
{
    /// <summary>Adds to the first element of a float32 tensor.</summary>
    public static void Add(string file, string tensor, float change)
    {
        byte[] bytes = File.ReadAllBytes(file);
        int header = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        using JsonDocument json = JsonDocument.Parse(bytes.AsMemory(8, header));
        int at = 8 + header + json.RootElement.GetProperty(tensor).GetProperty("data_offsets")[0].GetInt32();
        BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(at), BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(at)) + change);
        File.WriteAllBytes(file, bytes);
    }
}
