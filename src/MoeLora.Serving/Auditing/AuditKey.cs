using System.Security.Cryptography;

namespace MoeLora.Serving.Auditing;

/// <summary>
/// The secret under which prompts and answers are hashed for the audit trail. With it, who has a text can show whether an answer was made from it;
/// without it, nobody can guess a text from its hash. It lies in a file of 64 hexadecimal digits that only its owner can read, apart from the trail.
/// </summary>
public sealed class AuditKey
{
    /// <summary>Bytes of a key.</summary>
    public const int Bytes = 32;

    private readonly byte[] _key;

    private AuditKey(byte[] key) => _key = key;

    internal ReadOnlySpan<byte> Key => _key;

    /// <summary>Reads the key, or makes one where there is no file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="AuditTrailException">It holds something else, or others may read it.</exception>
    /// <exception cref="IOException">It cannot be read or made.</exception>
    public static AuditKey LoadOrCreate(string path)
    {
        try
        {
            using FileStream file = new(path, CreateOptions());
            byte[] key = RandomNumberGenerator.GetBytes(Bytes);
            file.Write(System.Text.Encoding.ASCII.GetBytes(Convert.ToHexStringLower(key) + "\n"));
            file.Flush(flushToDisk: true);
            return new AuditKey(key);
        }
        catch (IOException) when (File.Exists(path))
        {
            return Load(path);
        }
    }

    private static AuditKey Load(string path)
    {
        const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & Others) != 0)
            throw new AuditTrailException($"The audit key '{path}' can be read or written by others than its owner: run chmod 600 on it.");
        string text = File.ReadAllText(path).Trim();
        if (text.Length != 2 * Bytes || !text.All(char.IsAsciiHexDigit))
            throw new AuditTrailException($"The audit key '{path}' must hold {2 * Bytes} hexadecimal digits. If it is lost, move the file away; a new key is made, under which old hashes cannot be checked.");
        return new AuditKey(Convert.FromHexString(text));
    }

    private static FileStreamOptions CreateOptions()
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return options;
    }
}
