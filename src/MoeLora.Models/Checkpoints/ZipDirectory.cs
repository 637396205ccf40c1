using System.Buffers.Binary;
using System.Text;

namespace MoeLora.Models.Checkpoints;

/// <summary>Where an entry's bytes are in the archive.</summary>
internal readonly record struct ZipEntry(long Offset, long Length);

/// <summary>
/// Finds the entries of a zip archive (APPNOTE 6.3.9, zip64 too) without copying them. All must be stored, not compressed, as PyTorch
/// writes them, so that they can be used where they lie.
/// </summary>
internal static class ZipDirectory
{
    private const int EndLength = 22;
    private const int LongestComment = ushort.MaxValue;
    private const int LocatorLength = 20;
    private const int End64Length = 56;
    private const int CentralLength = 46;
    private const int LocalLength = 30;
    private const uint EndSignature = 0x06054b50;
    private const uint LocatorSignature = 0x07064b50;
    private const uint End64Signature = 0x06064b50;
    private const uint CentralSignature = 0x02014b50;
    private const uint LocalSignature = 0x04034b50;
    private const ushort Zip64Extra = 1;
    private const ushort EncryptedFlag = 1;

    /// <exception cref="CheckpointException">The archive is damaged, lies, or holds an entry that is compressed or encrypted.</exception>
    public static IReadOnlyDictionary<string, ZipEntry> Read(ByteRegion archive, string file)
    {
        long end = FindEnd(archive, file);
        (long offset, long size) = CentralDirectory(archive, end, file);
        if (!archive.Holds(offset, size) || offset + size > end)
            throw Damaged(file, "its directory lies outside of the file");

        var entries = new Dictionary<string, ZipEntry>(StringComparer.Ordinal);
        for (long at = offset; at < offset + size;)
        {
            ReadOnlySpan<byte> header = Field(archive, at, CentralLength, file);
            if (U32(header) != CentralSignature)
                throw Damaged(file, $"there is no directory entry at byte {at}");
            int nameLength = U16(header[28..]);
            int extraLength = U16(header[30..]);
            int total = CentralLength + nameLength + extraLength + U16(header[32..]);
            ReadOnlySpan<byte> whole = Field(archive, at, total, file);
            string name = Encoding.UTF8.GetString(whole.Slice(CentralLength, nameLength));
            ZipEntry entry = ReadEntry(archive, whole, whole.Slice(CentralLength + nameLength, extraLength), name, offset, file);
            if (!entries.TryAdd(name, entry))
                throw Damaged(file, $"the entry {ProblemList.Quote(name)} appears twice");
            at += total;
        }

        return entries;
    }

    /// <summary>The end record is last in the file, before a comment whose length it states.</summary>
    private static long FindEnd(ByteRegion archive, string file)
    {
        for (long at = archive.Length - EndLength; at >= Math.Max(0, archive.Length - EndLength - LongestComment); at--)
        {
            ReadOnlySpan<byte> record = archive.Span(at, EndLength);
            if (U32(record) == EndSignature && at + EndLength + U16(record[20..]) == archive.Length)
                return at;
        }

        throw Damaged(file, "its directory is missing; the file is cut short, download it again");
    }

    private static (long Offset, long Size) CentralDirectory(ByteRegion archive, long end, string file)
    {
        ReadOnlySpan<byte> record = archive.Span(end, EndLength);
        if (end < LocatorLength || U32(archive.Span(end - LocatorLength, LocatorLength)) != LocatorSignature)
            return (U32(record[16..]), U32(record[12..]));

        long end64 = I64(archive.Span(end - LocatorLength, LocatorLength)[8..]);
        ReadOnlySpan<byte> record64 = Field(archive, end64, End64Length, file);
        if (U32(record64) != End64Signature)
            throw Damaged(file, "its zip64 directory is missing");
        return (I64(record64[48..]), I64(record64[40..]));
    }

    private static ZipEntry ReadEntry(ByteRegion archive, ReadOnlySpan<byte> header, ReadOnlySpan<byte> extra, string name, long directory, string file)
    {
        if ((U16(header[8..]) & EncryptedFlag) != 0)
            throw new CheckpointException($"{file}: the entry {ProblemList.Quote(name)} is encrypted.");
        if (U16(header[10..]) != 0)
        {
            throw new CheckpointException($"{file}: the entry {ProblemList.Quote(name)} is compressed; PyTorch stores entries uncompressed. "
                + "Save the file again with torch.save, or convert it to safetensors.");
        }

        (long stored, long length, long offset) = Sizes(header, extra, name, file);
        if (stored != length)
            throw Damaged(file, $"the entry {ProblemList.Quote(name)} is stored but has two sizes, {stored} and {length}");

        ReadOnlySpan<byte> local = Field(archive, offset, LocalLength, file);
        if (U32(local) != LocalSignature || U16(local[8..]) != 0)
            throw Damaged(file, $"the entry {ProblemList.Quote(name)} does not begin where the directory says");
        long data = offset + LocalLength + U16(local[26..]) + U16(local[28..]);
        if (!archive.Holds(data, length) || data + length > directory)
            throw Damaged(file, $"the entry {ProblemList.Quote(name)} claims {length} bytes at byte {data}, which is outside of the archive's data");
        return new ZipEntry(data, length);
    }

    /// <summary>Sizes and offset, each from the zip64 field when the short one is all ones.</summary>
    private static (long Stored, long Length, long Offset) Sizes(ReadOnlySpan<byte> header, ReadOnlySpan<byte> extra, string name, string file)
    {
        ReadOnlySpan<byte> wide = default;
        while (extra.Length >= 4)
        {
            int length = U16(extra[2..]);
            if (length > extra.Length - 4)
                break;
            if (U16(extra) == Zip64Extra)
                wide = extra.Slice(4, length);
            extra = extra[(4 + length)..];
        }

        long size = Wide(U32(header[24..]), ref wide, name, file);
        long stored = Wide(U32(header[20..]), ref wide, name, file);
        long offset = Wide(U32(header[42..]), ref wide, name, file);
        return (stored, size, offset);
    }

    private static long Wide(uint narrow, ref ReadOnlySpan<byte> wide, string name, string file)
    {
        if (narrow != uint.MaxValue)
            return narrow;
        if (wide.Length < sizeof(long))
            throw Damaged(file, $"the entry {ProblemList.Quote(name)} lacks its zip64 sizes");
        long value = I64(wide);
        wide = wide[sizeof(long)..];
        return value;
    }

    private static ReadOnlySpan<byte> Field(ByteRegion archive, long offset, int count, string file) =>
        archive.Holds(offset, count) ? archive.Span(offset, count) : throw Damaged(file, $"{count} bytes at byte {offset} are outside of the file");

    private static CheckpointException Damaged(string file, string how) => new($"{file}: the zip archive is damaged: {how}.");

    private static ushort U16(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static uint U32(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    private static long I64(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt64LittleEndian(bytes);
}
