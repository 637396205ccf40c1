using System.Buffers.Binary;
using System.Text;

namespace MoeLora.Torch.Native;

/// <summary>
/// The versions that a 64-bit little-endian ELF file asks of its libraries (the GNU extension that is described in the Linux Standard Base, "Symbol Versioning"): a list of
/// libraries, Verneed, each with a list of versions, Vernaux, whose flags may say that the program runs without it (VER_FLG_WEAK).
/// </summary>
internal static class ElfVersions
{
    private const int ProgramHeaderBytes = 56;
    private const int Load = 1, Dynamic = 2;                          // kinds of program headers
    private const long Strings = 5, Needs = 0x6ffffffe, NeedCount = 0x6fffffff; // tags of the dynamic section
    private const ushort Weak = 2;

    /// <summary>Marks a version as one that may be missing. False, and nothing changes, where the file is no such file or does not ask for it.</summary>
    public static bool TryMakeOptional(Span<byte> file, string version)
    {
        try
        {
            if (!file.StartsWith((ReadOnlySpan<byte>)[0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1]))
                return false;
            long strings = Tag(file, Strings), need = Tag(file, Needs), needs = Tag(file, NeedCount);
            if (strings < 0 || need < 0)
                return false;
            (strings, need) = (Offset(file, strings), Offset(file, need));
            byte[] name = [.. Encoding.ASCII.GetBytes(version), 0];
            for (; needs > 0; needs--)
            {
                // Verneed: version, count of versions (2 bytes each), library's name, bytes to the first version, bytes to the next library (4 each).
                long entry = need + UInt32(file, need + 8);
                for (int left = UInt16(file, need + 2); left > 0; left--)
                {
                    // Vernaux: hash (4), flags, number (2 each), name, bytes to the next (4 each).
                    if (file[(int)(strings + UInt32(file, entry + 8))..].StartsWith(name))
                    {
                        BinaryPrimitives.WriteUInt16LittleEndian(file[(int)(entry + 4)..], (ushort)(UInt16(file, entry + 4) | Weak));
                        return true;
                    }
                    entry += UInt32(file, entry + 12);
                }
                need += UInt32(file, need + 12);
            }
            return false;
        }
        catch (Exception e) when (e is ArgumentOutOfRangeException or IndexOutOfRangeException)
        {
            return false; // a file that ends early
        }
    }

    /// <summary>The value of a tag of the dynamic section; −1 where there is none.</summary>
    private static long Tag(ReadOnlySpan<byte> file, long tag)
    {
        long headers = Int64(file, 32);
        for (int i = 0; i < UInt16(file, 56); i++)
        {
            long header = headers + i * ProgramHeaderBytes;
            if (UInt32(file, header) != Dynamic)
                continue;
            long start = Int64(file, header + 8);
            for (long at = start; at < start + Int64(file, header + 32); at += 16)
            {
                if (Int64(file, at) == tag)
                    return Int64(file, at + 8);
            }
        }
        return -1;
    }

    /// <summary>Where an address is in the file.</summary>
    private static long Offset(ReadOnlySpan<byte> file, long address)
    {
        long headers = Int64(file, 32);
        for (int i = 0; i < UInt16(file, 56); i++)
        {
            long header = headers + i * ProgramHeaderBytes, first = Int64(file, header + 16);
            if (UInt32(file, header) == Load && address >= first && address < first + Int64(file, header + 32))
                return Int64(file, header + 8) + address - first;
        }
        throw new ArgumentOutOfRangeException(nameof(address));
    }

    private static ushort UInt16(ReadOnlySpan<byte> file, long at) => BinaryPrimitives.ReadUInt16LittleEndian(file[(int)at..]);

    private static uint UInt32(ReadOnlySpan<byte> file, long at) => BinaryPrimitives.ReadUInt32LittleEndian(file[(int)at..]);

    private static long Int64(ReadOnlySpan<byte> file, long at) => BinaryPrimitives.ReadInt64LittleEndian(file[(int)at..]);
}
