using System.Buffers.Binary;
using System.Text;
using MoeLora.Models.Checkpoints;

namespace MoeLora.Models.Tests.Checkpoints;

/// <summary>Safetensors files in memory, true and lying.</summary>
internal static unsafe class SafetensorsBytes
{
    /// <summary>A file with this header text, its true length before it, and this many bytes of data after it.</summary>
    public static byte[] File(string header, int dataBytes) => File(Encoding.UTF8.GetBytes(header), new byte[dataBytes]);

    public static byte[] File(byte[] header, byte[] data)
    {
        byte[] file = new byte[8 + header.Length + data.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(file, (ulong)header.Length);
        header.CopyTo(file, 8);
        data.CopyTo(file, 8 + header.Length);
        return file;
    }

    public static SafetensorsLayout Read(byte[] file)
    {
        fixed (byte* start = file)
            return SafetensorsHeader.Read(new ByteRegion(start, file.Length), "test.safetensors");
    }

    public static string ErrorOf(byte[] file) => Assert.Throws<CheckpointException>(() => Read(file)).Message;
}
