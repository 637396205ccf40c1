using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace MoeLora.Adapters.Bundles;

/// <summary>A file of a bundle.</summary>
/// <param name="Name">Plain file name.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Sha256">64 lower-case hexadecimal digits.</param>
public sealed record BundleFile(string Name, long Size, string Sha256);

/// <summary>What <c>manifest.json</c> of a bundle says. Immutable.</summary>
/// <param name="Name">The adapter's name.</param>
/// <param name="Version">Its version.</param>
/// <param name="Kind">How its experts are gated.</param>
/// <param name="BaseModelHash">The hash of the base model that it fits, 64 lower-case hexadecimal digits (<see cref="MoeLora.Models.Checkpoints.BaseModelHash"/>).</param>
/// <param name="Tasks">All tasks by id, 1, 2, 3 …</param>
/// <param name="Files">All files except the manifest, in ordinal order of their names.</param>
public sealed record BundleManifest(
    AdapterName Name,
    AdapterVersion Version,
    AdapterKind Kind,
    string BaseModelHash,
    IReadOnlyList<AdapterTask> Tasks,
    IReadOnlyList<BundleFile> Files)
{
    /// <summary>The name of the manifest's file.</summary>
    public const string FileName = "manifest.json";

    /// <summary>The version of the bundle's format: 2 with checks, 1 without.</summary>
    public int FormatVersion => HasChecks ? 2 : 1;

    /// <summary>Whether the bundle has check prompts and what it answers to them.</summary>
    public bool HasChecks => Files.Any(file => file.Name == ChecksFile.Name);

    /// <summary>
    /// The hash of everything: SHA-256 over the UTF-8 text of one line <c>name\0sha256\n</c> for each file in ordinal order, then the lines
    /// <c>format_version\0…\n</c>, <c>name\0…\n</c>, <c>version\0…\n</c>, <c>kind\0…\n</c>, <c>base_model_hash\0…\n</c> and, by id,
    /// <c>task\0id\0name\n</c>. No value can hold <c>\0</c> or <c>\n</c>, so that different bundles have different texts.
    /// </summary>
    public BundleHash ContentHash
    {
        get
        {
            var text = new StringBuilder();
            foreach (BundleFile file in Files.OrderBy(f => f.Name, StringComparer.Ordinal))
                text.Append(file.Name).Append('\0').Append(file.Sha256).Append('\n');
            text.Append(CultureInfo.InvariantCulture, $"format_version\0{FormatVersion}\n");
            text.Append(CultureInfo.InvariantCulture, $"name\0{Name}\n");
            text.Append(CultureInfo.InvariantCulture, $"version\0{Version}\n");
            text.Append(CultureInfo.InvariantCulture, $"kind\0{Kind.PeftType()}\n");
            text.Append(CultureInfo.InvariantCulture, $"base_model_hash\0{BaseModelHash}\n");
            foreach (AdapterTask task in Tasks.OrderBy(t => t.Id))
                text.Append(CultureInfo.InvariantCulture, $"task\0{task.Id}\0{task.Name}\n");
            return BundleHash.OfBytes(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
        }
    }

    /// <summary>Whether a text is a hash as <see cref="MoeLora.Models.Checkpoints.BaseModelHash"/> gives it.</summary>
    internal static bool IsBaseModelHash(string? text) => text is not null && BundleHash.IsSha256(text);
}
