using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace MoeLora.Training.Records;

/// <summary>Stands for a text where keeping it would take too much memory; equal for equal texts only.</summary>
internal static class TextDigest
{
    /// <summary>The first 16 bytes of SHA-256 over the text in UTF-16LE.</summary>
    public static UInt128 Of(string text) => BinaryPrimitives.ReadUInt128BigEndian(SHA256.HashData(MemoryMarshal.AsBytes(text.AsSpan())));
}
