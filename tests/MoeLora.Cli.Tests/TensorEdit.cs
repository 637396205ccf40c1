using System.Buffers.Binary;
using System.Text.Json;

namespace MoeLora.Cli.Tests;

/// <summary>Changes values of a safetensors file.</summary>
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

    /// <summary>Sets every element of the float32 tensors that are chosen by their names.</summary>
    public static void SetAll(string file, Func<string, bool> choose, float value)
    {
        byte[] bytes = File.ReadAllBytes(file);
        int header = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        using JsonDocument json = JsonDocument.Parse(bytes.AsMemory(8, header).ToArray());
        foreach (JsonProperty tensor in json.RootElement.EnumerateObject().Where(tensor => choose(tensor.Name)))
        {
            JsonElement offsets = tensor.Value.GetProperty("data_offsets");
            System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(bytes.AsSpan(8 + header)[offsets[0].GetInt32()..offsets[1].GetInt32()]).Fill(value);
        }

        File.WriteAllBytes(file, bytes);
    }
}
