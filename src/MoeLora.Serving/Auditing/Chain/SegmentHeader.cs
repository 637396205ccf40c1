using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace MoeLora.Serving.Auditing.Chain;

/// <summary>
/// The beginning of a segment: 8 bytes <c>MLGAUDIT</c>, u16 format (1), u64 sequence of its first record, 32 bytes hash of the record before, i64 time,
/// u16 length of the node's name and the name, and the SHA-256 over all of that.
/// </summary>
/// <param name="First">Sequence of its first record.</param>
/// <param name="PreviousHash">Hash of the record before; 32 zero bytes for none.</param>
/// <param name="Created">When it was begun.</param>
/// <param name="Node">Which node writes it.</param>
internal sealed record SegmentHeader(long First, byte[] PreviousHash, DateTimeOffset Created, string Node)
{
    private const ushort Format = 1;
    private const int FixedBytes = 8 + 2 + 8 + 32 + 8 + 2;

    private static ReadOnlySpan<byte> Magic => "MLGAUDIT"u8;

    /// <summary>Its bytes.</summary>
    public byte[] ToBytes()
    {
        byte[] node = Encoding.UTF8.GetBytes(Node);
        byte[] bytes = new byte[FixedBytes + node.Length + SHA256.HashSizeInBytes];
        Span<byte> rest = bytes;
        Magic.CopyTo(rest);
        BinaryPrimitives.WriteUInt16LittleEndian(rest[8..], Format);
        BinaryPrimitives.WriteInt64LittleEndian(rest[10..], First);
        PreviousHash.CopyTo(rest[18..]);
        BinaryPrimitives.WriteInt64LittleEndian(rest[50..], AuditTime.ToUnits(Created));
        BinaryPrimitives.WriteUInt16LittleEndian(rest[58..], (ushort)node.Length);
        node.CopyTo(rest[FixedBytes..]);
        SHA256.HashData(rest[..^SHA256.HashSizeInBytes], rest[^SHA256.HashSizeInBytes..]);
        return bytes;
    }

    /// <summary>Reads it from where the stream stands.</summary>
    /// <exception cref="FormatException">There is none, or it was changed.</exception>
    public static SegmentHeader Read(Stream stream)
    {
        byte[] start = new byte[FixedBytes];
        if (stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) < start.Length || !start.AsSpan().StartsWith(Magic))
            throw new FormatException("it does not begin like a segment of an audit trail");
        if (BinaryPrimitives.ReadUInt16LittleEndian(start.AsSpan(8)) is var format && format != Format)
            throw new FormatException($"its format is {format}, and this program reads {Format}");

        byte[] rest = new byte[BinaryPrimitives.ReadUInt16LittleEndian(start.AsSpan(58)) + SHA256.HashSizeInBytes];
        if (stream.ReadAtLeast(rest, rest.Length, throwOnEndOfStream: false) < rest.Length)
            throw new FormatException("its header ends early");
        byte[] covered = [.. start, .. rest.AsSpan(0, rest.Length - SHA256.HashSizeInBytes)];
        if (!SHA256.HashData(covered).AsSpan().SequenceEqual(rest.AsSpan(rest.Length - SHA256.HashSizeInBytes)))
            throw new FormatException("its header was changed");
        return new SegmentHeader(
            BinaryPrimitives.ReadInt64LittleEndian(start.AsSpan(10)),
            start[18..50],
            AuditTime.FromUnits(BinaryPrimitives.ReadInt64LittleEndian(start.AsSpan(50))),
            Encoding.UTF8.GetString(covered, FixedBytes, covered.Length - FixedBytes));
    }
}
