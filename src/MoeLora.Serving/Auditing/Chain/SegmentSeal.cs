using System.Buffers.Binary;

namespace MoeLora.Serving.Auditing.Chain;

/// <summary>
/// The end of a segment that is full, in a frame like a record's: u8 kind (2), u64 sequence of the last record, 32 bytes its hash, i64 earliest and
/// i64 latest time of its records.
/// </summary>
/// <param name="Last">Sequence of the last record.</param>
/// <param name="LastHash">Its hash; the next segment begins with it.</param>
/// <param name="Earliest">Earliest time of a record.</param>
/// <param name="Latest">Latest time of a record.</param>
internal sealed record SegmentSeal(long Last, byte[] LastHash, DateTimeOffset Earliest, DateTimeOffset Latest)
{
    /// <summary>Its size.</summary>
    public const int Bytes = 1 + 8 + 32 + 8 + 8;

    /// <summary>Writes it.</summary>
    public void Write(Span<byte> target)
    {
        target[0] = AuditEncoding.SealKind;
        BinaryPrimitives.WriteInt64LittleEndian(target[1..], Last);
        LastHash.CopyTo(target[9..]);
        BinaryPrimitives.WriteInt64LittleEndian(target[41..], AuditTime.ToUnits(Earliest));
        BinaryPrimitives.WriteInt64LittleEndian(target[49..], AuditTime.ToUnits(Latest));
    }

    /// <summary>Reads it.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static SegmentSeal Read(ReadOnlySpan<byte> body)
    {
        if (body.Length != Bytes || body[0] != AuditEncoding.SealKind)
            throw new FormatException("no closing record");
        return new SegmentSeal(
            BinaryPrimitives.ReadInt64LittleEndian(body[1..]),
            body[9..41].ToArray(),
            AuditTime.FromUnits(BinaryPrimitives.ReadInt64LittleEndian(body[41..])),
            AuditTime.FromUnits(BinaryPrimitives.ReadInt64LittleEndian(body[49..])));
    }
}
