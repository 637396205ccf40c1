using System.Numerics;
using System.Security.Cryptography;
using System.Text;

namespace MoeLora.Serving.Tenants;

/// <summary>
/// How keys look: <c>mlg_</c>, an id of 12 characters of a–z and 0–9, <c>_</c>, a secret of 43 characters of A–Z, a–z and 0–9 (256 random
/// bits), and 6 characters of checksum: the CRC-32C of all before it as a number of base 62. Scanners find leaked keys by
/// <c>mlg_[a-z0-9]{12}_[0-9A-Za-z]{49}</c> and the checksum; a mistyped key is told from a wrong one without asking a node.
/// </summary>
public static class ApiKeyText
{
    /// <summary>Characters of a key.</summary>
    public const int Length = SecretAt + SecretLength + ChecksumLength;

    /// <summary>Characters of an id.</summary>
    public const int IdLength = 12;

    private const string Prefix = "mlg_";
    private const string IdAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
    private const string Base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private const int SecretAt = 4 + IdLength + 1;
    private const int SecretLength = 43; // 62^43 > 2^256
    private const int ChecksumLength = 6; // 62^6 > 2^32

    /// <summary>Whether a text is a key that was written down rightly, be it valid or not.</summary>
    public static bool IsWellFormed(string text) => TryReadId(text, out _);

    /// <summary>A new key at random.</summary>
    internal static (string Id, string Text) Create()
    {
        string id = RandomNumberGenerator.GetString(IdAlphabet, IdLength);
        string body = $"{Prefix}{id}_{RandomNumberGenerator.GetString(Base62, SecretLength)}";
        return (id, body + Checksum(body));
    }

    /// <summary>The checksum of what stands before it.</summary>
    internal static string Checksum(string body) => string.Create(ChecksumLength, body, static (checksum, body) => WriteChecksum(body, checksum));

    /// <summary>The id in a key; false where the text is none.</summary>
    internal static bool TryReadId(ReadOnlySpan<char> text, out ReadOnlySpan<char> id)
    {
        id = default;
        if (text.Length != Length || !text.StartsWith(Prefix, StringComparison.Ordinal) || text[SecretAt - 1] != '_')
            return false;
        ReadOnlySpan<char> body = text[..^ChecksumLength];
        if (text.Slice(Prefix.Length, IdLength).ContainsAnyExcept(IdAlphabet) || text[SecretAt..].ContainsAnyExcept(Base62))
            return false;
        Span<char> checksum = stackalloc char[ChecksumLength];
        WriteChecksum(body, checksum);
        if (!text[^ChecksumLength..].SequenceEqual(checksum))
            return false;
        id = text.Slice(Prefix.Length, IdLength);
        return true;
    }

    /// <summary>What is kept of a key. A secret of 256 random bits needs no slow hash and no salt: there is nothing to try out.</summary>
    /// <param name="text">A key: <see cref="Length"/> ASCII characters.</param>
    /// <param name="hash">32 bytes.</param>
    internal static void Hash(ReadOnlySpan<char> text, Span<byte> hash)
    {
        Span<byte> bytes = stackalloc byte[Length];
        int length = Encoding.ASCII.GetBytes(text, bytes);
        SHA256.HashData(bytes[..length], hash);
        CryptographicOperations.ZeroMemory(bytes);
    }

    private static void WriteChecksum(ReadOnlySpan<char> body, Span<char> checksum)
    {
        uint crc = uint.MaxValue;
        foreach (char c in body)
            crc = BitOperations.Crc32C(crc, (byte)c);
        crc = ~crc;
        for (int i = ChecksumLength - 1; i >= 0; i--)
        {
            checksum[i] = Base62[(int)(crc % 62)];
            crc /= 62;
        }
    }
}
