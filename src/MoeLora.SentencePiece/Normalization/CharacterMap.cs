using System.Buffers.Binary;

namespace MoeLora.SentencePiece.Normalization;

/// <summary>
/// The replacements of characters that a model brings (<c>precompiled_charsmap</c>): the length of a double array in bytes, the array, and the replacements, each
/// ended by a zero byte. The array is a trie over UTF-8 as darts-clone lays it out: the child of a node for byte b is at node XOR offset XOR b.
/// </summary>
internal sealed class CharacterMap
{
    private readonly uint[] _units;
    private readonly byte[] _replacements;

    /// <summary>Reads a map.</summary>
    /// <param name="content">As the file has it, not empty.</param>
    /// <exception cref="InvalidDataException">It is malformed.</exception>
    public CharacterMap(ReadOnlySpan<byte> content)
    {
        uint length = content.Length > sizeof(uint) ? BinaryPrimitives.ReadUInt32LittleEndian(content) : 0;
        if (length == 0 || length % sizeof(uint) != 0 || length >= content.Length - sizeof(uint))
            throw new InvalidDataException("the map of characters (precompiled_charsmap) is damaged");
        _units = new uint[length / sizeof(uint)];
        for (int i = 0; i < _units.Length; i++)
            _units[i] = BinaryPrimitives.ReadUInt32LittleEndian(content[(sizeof(uint) * (i + 1))..]);
        _replacements = content[(sizeof(uint) + (int)length)..].ToArray();
        if (_replacements[^1] != 0)
            throw new InvalidDataException("the map of characters (precompiled_charsmap) has a replacement without an end");
    }

    /// <summary>The replacement of the longest beginning of a text that has one.</summary>
    /// <returns>Bytes that are replaced; 0 for none.</returns>
    public int MatchStart(ReadOnlySpan<byte> text, out ReadOnlySpan<byte> replacement)
    {
        int matched = 0, start = 0;
        uint node = Offset(_units[0]);
        for (int i = 0; i < text.Length; i++)
        {
            node ^= text[i];
            if (node >= _units.Length || Label(_units[node]) != text[i])
                break;
            uint unit = _units[node];
            node ^= Offset(unit);
            if (HasValue(unit) && node < _units.Length && (_units[node] & int.MaxValue) is var value && value < _replacements.Length)
                (matched, start) = (i + 1, (int)value);
        }

        ReadOnlySpan<byte> from = _replacements.AsSpan(start);
        replacement = matched == 0 ? default : from[..from.IndexOf((byte)0)];
        return matched;
    }

    // A unit that holds a value has its highest bit set, so that it is the child of no byte.
    private static uint Label(uint unit) => unit & 0x8000_00FF;

    private static bool HasValue(uint unit) => (unit & 0x100) != 0;

    private static uint Offset(uint unit) => unit >> 10 << (int)((unit & 0x200) >> 6);
}
