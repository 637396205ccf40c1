using System.Collections.Frozen;
using System.Security.Cryptography;

namespace MoeLora.Gateway.Console;

/// <summary>The page's files, embedded in the assembly and read once. Nothing but these names can be asked for.</summary>
internal sealed class ConsoleFiles
{
    private const string Prefix = "console/";

    private static readonly FrozenDictionary<string, string> ContentTypes = new Dictionary<string, string>
    {
        [".html"] = "text/html; charset=utf-8",
        [".css"] = "text/css; charset=utf-8",
        [".js"] = "text/javascript; charset=utf-8",
        [".svg"] = "image/svg+xml",
    }.ToFrozenDictionary();

    private readonly FrozenDictionary<string, ConsoleFile> _files = typeof(ConsoleFiles).Assembly.GetManifestResourceNames()
        .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
        .ToFrozenDictionary(name => name[Prefix.Length..], Read);

    /// <summary>A file by its name; null where there is none.</summary>
    public ConsoleFile? Find(string name) => _files.GetValueOrDefault(name);

    private static ConsoleFile Read(string name)
    {
        using Stream stream = typeof(ConsoleFiles).Assembly.GetManifestResourceStream(name)!;
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return new ConsoleFile(bytes, ContentTypes[Path.GetExtension(name)], $"\"{Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 16))}\"");
    }
}

/// <summary>A file of the page.</summary>
/// <param name="Bytes">Its content.</param>
/// <param name="ContentType">Its media type.</param>
/// <param name="Tag">Its entity tag: changes when the content does.</param>
internal sealed record ConsoleFile(byte[] Bytes, string ContentType, string Tag);
