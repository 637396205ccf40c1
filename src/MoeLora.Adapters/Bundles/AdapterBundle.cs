using System.Security.Cryptography;
using MoeLora.Adapters.Export;
using MoeLora.Models.Checkpoints;

namespace MoeLora.Adapters.Bundles;

/// <summary>
/// An adapter's artifact on disk: a directory with <c>adapter_config.json</c>, <c>adapter_model.safetensors</c> and
/// <c>manifest.json</c>, whose hashes cover all of it. Immutable once written.
/// </summary>
public sealed class AdapterBundle
{
    /// <summary>Every file of a bundle except its manifest, in ordinal order.</summary>
    internal static readonly string[] ContentFiles = ["adapter_config.json", "adapter_model.safetensors"];

    private AdapterBundle(string directory, BundleManifest manifest)
    {
        Directory = directory;
        Manifest = manifest;
    }

    /// <summary>Where it is.</summary>
    public string Directory { get; }

    /// <summary>What it says of itself, proven by its hashes.</summary>
    public BundleManifest Manifest { get; }

    /// <summary>The hash of everything in it.</summary>
    public BundleHash Hash => Manifest.ContentHash;

    /// <summary>Opens a bundle and verifies every file: all are there, nothing else is, and sizes and hashes are the manifest's.</summary>
    /// <exception cref="AdapterException">Something differs; it lists all differences.</exception>
    public static AdapterBundle Open(string directory)
    {
        var problems = new List<string>();
        if (!System.IO.Directory.Exists(directory))
            throw new AdapterException($"The bundle '{directory}'", ["there is no such directory."]);
        try
        {
            CheckEntries(directory, problems);
            BundleManifest? manifest = problems.Count == 0 ? ManifestFile.Read(Path.Combine(directory, BundleManifest.FileName), problems) : null;
            foreach (BundleFile file in manifest?.Files ?? [])
                CheckFile(directory, file, problems);
            if (manifest is not null && problems.Count == 0)
                return new AdapterBundle(directory, manifest);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add($"it cannot be read: {e.Message}");
        }

        throw new AdapterException($"The bundle '{directory}'", problems);
    }

    /// <summary>
    /// Writes a bundle that appears whole or not at all, and reads it back. It holds what is used, each tensor once: per-layer copies of
    /// a shared gate, which nothing uses, are left out.
    /// </summary>
    /// <param name="directory">Where it is to be; nothing may be there.</param>
    /// <param name="adapter">What it holds.</param>
    /// <param name="name">The adapter's name.</param>
    /// <param name="version">The version of this bundle.</param>
    /// <param name="baseModelHash">The hash of the base model that the adapter was read for (<see cref="BaseModelHash"/>).</param>
    /// <exception cref="AdapterException">Something is already there, or it cannot be written.</exception>
    /// <exception cref="ArgumentException">A name, version or hash is missing or malformed.</exception>
    public static AdapterBundle Write(string directory, Adapter adapter, AdapterName name, AdapterVersion version, string baseModelHash)
    {
        if (name == default || version == default)
            throw new ArgumentException("A bundle needs a name and a version.", nameof(name));
        if (!BundleManifest.IsBaseModelHash(baseModelHash))
            throw new ArgumentException($"'{baseModelHash}' is not 64 lower-case hexadecimal digits.", nameof(baseModelHash));
        NewDirectory.Create(directory, temporary =>
        {
            AdapterConfigFile.Write(Path.Combine(temporary, ContentFiles[0]), adapter);
            TensorFile.Write(Path.Combine(temporary, ContentFiles[1]), AdapterTensors.Of(adapter));
            BundleFile[] files = Array.ConvertAll(ContentFiles, file => Describe(temporary, file));
            ManifestFile.Write(Path.Combine(temporary, BundleManifest.FileName), new BundleManifest(name, version, adapter.Kind, baseModelHash, adapter.Tasks, files));
        });
        return Open(directory);
    }

    private static BundleFile Describe(string directory, string name)
    {
        using FileStream stream = File.OpenRead(Path.Combine(directory, name));
        return new BundleFile(name, stream.Length, Convert.ToHexStringLower(SHA256.HashData(stream)));
    }

    // Plain files of known names only: no link can lead out of the directory and no path can be smuggled in.
    private static void CheckEntries(string directory, List<string> problems)
    {
        var missing = new HashSet<string>([.. ContentFiles, BundleManifest.FileName], StringComparer.Ordinal);
        foreach (FileSystemInfo entry in new DirectoryInfo(directory).EnumerateFileSystemInfos("*", new EnumerationOptions { AttributesToSkip = 0, IgnoreInaccessible = false }))
        {
            if (!missing.Remove(entry.Name))
                problems.Add($"'{entry.Name}' does not belong to a bundle.");
            else if (entry is not FileInfo || entry.LinkTarget is not null)
                problems.Add($"'{entry.Name}' is no plain file.");
        }

        problems.AddRange(missing.Order(StringComparer.Ordinal).Select(name => $"{name} is missing."));
    }

    private static void CheckFile(string directory, BundleFile file, List<string> problems)
    {
        using FileStream stream = File.OpenRead(Path.Combine(directory, file.Name));
        if (stream.Length != file.Size)
        {
            problems.Add($"{file.Name} has {stream.Length} bytes, the manifest says {file.Size}.");
            return;
        }

        string hash = Convert.ToHexStringLower(SHA256.HashData(stream));
        if (hash != file.Sha256)
            problems.Add($"{file.Name} has the SHA-256 {hash}, the manifest says {file.Sha256}: it was changed or damaged.");
    }
}
