using System.Globalization;
using System.Security.Cryptography;

namespace MoeLora.Serving.Auditing;

/// <summary>The last record of a trail: kept elsewhere, it proves later that nothing up to it was changed or cut off.</summary>
/// <param name="Sequence">Its place; 0 for an empty trail.</param>
/// <param name="Hash">Its hash, 64 hexadecimal digits.</param>
public sealed record AuditHead(long Sequence, string Hash)
{
    /// <summary>The head of an empty trail.</summary>
    public static AuditHead Empty { get; } = new(0, new string('0', 2 * SHA256.HashSizeInBytes));

    /// <summary>Reads what <see cref="ToString"/> writes; null when it is something else.</summary>
    public static AuditHead? TryParse(string text)
    {
        string[] parts = text.Trim().Split(' ');
        return parts.Length == 2 && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out long sequence)
            && parts[1].Length == 2 * SHA256.HashSizeInBytes && parts[1].All(char.IsAsciiHexDigitLower)
            ? new AuditHead(sequence, parts[1])
            : null;
    }

    /// <summary>The place and the hash, a space between.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Sequence} {Hash}");
}
