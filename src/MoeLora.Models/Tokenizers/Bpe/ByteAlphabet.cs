using System.Collections.Frozen;
using System.Text;

namespace MoeLora.Models.Tokenizers.Bpe;

/// <summary>
/// The printable character that stands for each byte in a byte-level vocabulary: printable Latin-1 for itself,
/// every other byte for the next character from U+0100 on (GPT-2's mapping).
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] Characters = Build();
    private static readonly FrozenDictionary<char, byte> Values =
        Enumerable.Range(0, 256).ToFrozenDictionary(value => Characters[value], value => (byte)value);

    /// <summary>The character of a byte.</summary>
    public static char ToCharacter(byte value) => Characters[value];

    /// <summary>Whether a byte occurs in well-formed UTF-8.</summary>
    public static bool OccursInUtf8(byte value) => value is not (0xC0 or 0xC1 or >= 0xF5);

    /// <summary>The bytes that a token of the vocabulary stands for; the UTF-8 of a token that has other characters than the alphabet's.</summary>
    public static byte[] ToBytes(string token)
    {
        var bytes = new byte[token.Length];
        for (var i = 0; i < token.Length; i++)
        {
            if (!Values.TryGetValue(token[i], out bytes[i]))
                return Encoding.UTF8.GetBytes(token);
        }

        return bytes;
    }

    private static char[] Build()
    {
        var characters = new char[256];
        var next = '\u0100';
        for (var value = 0; value < 256; value++)
            characters[value] = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE ? (char)value : next++;
        return characters;
    }
}
