using System.Buffers.Binary;
using System.Security.Cryptography;

namespace MoeLora.Serving.Auditing.Chain;

/// <summary>
/// Tells damage from a torn end. A commit is written only when the one before it is durable, so a whole record of a later commit behind a
/// damaged record proves that the damaged one was acknowledged. Pages of one commit may reach a disk in any order: a whole record of the
/// same commit proves nothing.
/// </summary>
internal static class LaterCommit
{
    /// <summary>Whether a whole record of a commit that began after <paramref name="broken"/> lies behind <paramref name="position"/>.</summary>
    public static bool Exists(string path, long position, long broken)
    {
        byte[] bytes = Rest(path, position);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];

        // The hash that a record continues lies right before it, so a record is known wherever it stands.
        for (int at = SHA256.HashSizeInBytes; at + AuditFrame.Overhead < bytes.Length; at++)
        {
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at));
            if (length is 0 or > AuditEncoding.MaxBody || at + AuditFrame.Overhead + length > bytes.Length || bytes[at + sizeof(uint)] != AuditEncoding.EntryKind)
                continue;
            ReadOnlySpan<byte> body = bytes.AsSpan(at + sizeof(uint), (int)length);
            if (length < 17 || BinaryPrimitives.ReadInt64LittleEndian(body[9..]) <= broken)
                continue;
            AuditFrame.Hash(bytes.AsSpan(at - SHA256.HashSizeInBytes, SHA256.HashSizeInBytes), body, hash);
            if (hash.SequenceEqual(bytes.AsSpan(at + sizeof(uint) + (int)length, SHA256.HashSizeInBytes)))
                return true;
        }

        return false;
    }

    private static byte[] Rest(string path, long position)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        file.Position = position;
        byte[] bytes = new byte[file.Length - position];
        file.ReadExactly(bytes);
        return bytes;
    }
}
