using System.Buffers.Binary;
using System.Security.Cryptography;

namespace MoeLora.Serving.Auditing.Chain;

/// <summary>How a body lies in a segment: u32 length, the body, and the SHA-256 over the previous frame's hash (32 bytes) and the body.</summary>
internal static class AuditFrame
{
    /// <summary>Bytes of a frame besides its body.</summary>
    public const int Overhead = sizeof(uint) + SHA256.HashSizeInBytes;

    /// <summary>A record's hash.</summary>
    public static void Hash(ReadOnlySpan<byte> previous, ReadOnlySpan<byte> body, Span<byte> hash)
    {
        Span<byte> covered = stackalloc byte[1024];
        int length = previous.Length + body.Length;
        if (length > covered.Length)
            covered = new byte[length];
        previous.CopyTo(covered);
        body.CopyTo(covered[previous.Length..]);
        SHA256.HashData(covered[..length], hash);
    }

    /// <summary>Puts length and hash around a body that lies at <c>frame[4..]</c>.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="bodyLength">Bytes of the body.</param>
    /// <param name="chain">The previous hash; becomes this one's.</param>
    /// <returns>Bytes of the frame.</returns>
    public static int Close(Span<byte> frame, int bodyLength, Span<byte> chain)
    {
        BinaryPrimitives.WriteInt32LittleEndian(frame, bodyLength);
        Span<byte> hash = frame.Slice(sizeof(uint) + bodyLength, SHA256.HashSizeInBytes);
        Hash(chain, frame.Slice(sizeof(uint), bodyLength), hash);
        hash.CopyTo(chain);
        return bodyLength + Overhead;
    }
}
