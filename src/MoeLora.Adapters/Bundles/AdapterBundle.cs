using System.Security.Cryptography;
using MoeLora.Adapters.Export;
using MoeLora.Models.Checkpoints;

namespace MoeLora.Adapters.Bundles;

/// <summary>
/// An adapter's artifact on disk: a directory with <c>adapter_config.json</c>, <c>adapter_model.safetensors</c>, in format 2
/// <c>checks.json</c>, and <c>manifest.json</c>, whose hashes cover all of it. Immutable once written.
/// </summary>
public sealed class AdapterBundle
{
    private const string ConfigFile = "adapter_config.json";
    internal const string WeightFile = "adapter_model.safetensors";

    private AdapterBundle(string directory, BundleManifest manifest, IReadOnlyList<BundleCheck>? checks)
    {
        Directory = directory;
        Manifest = manifest;
        Checks = checks;
    }

    /// <summary>Where it is.</summary>
    public string Directory { get; }

    /// <summary>What it says of itself, proven by its hashes.</summary>
    public BundleManifest Manifest { get; }

    /// <summary>What it answers to its check prompts; null in format 1, which has none.</summary>
    public IReadOnlyList<BundleCheck>? Checks { get; }

    /// <summary>The hash of everything in it.</summary>
    public BundleHash Hash => Manifest.ContentHash;

    /// <summary>Whether a directory is meant to be a bundle: it has a <c>manifest.json</c>.</summary>
    public static bool IsAt(string directory) => File.Exists(Path.Combine(directory, BundleManifest.FileName));

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
            if (problems.Count == 0 && ManifestFile.Read(Path.Combine(directory, BundleManifest.FileName), problems) is { } manifest)
            {
                CheckFiles(directory, manifest, problems);
                IReadOnlyList<BundleCheck>? checks = manifest.HasChecks && problems.Count == 0
                    ? ChecksFile.Read(Path.Combine(directory, ChecksFile.Name), manifest.Tasks.Count, problems)
                    : null;
                if (problems.Count == 0)
                    return new AdapterBundle(directory, manifest, checks);
            }
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
    /// <param name="checks">What the adapter answers (<see cref="BundleChecks.Compute"/>); null writes format 1, without checks.</param>
    /// <exception cref="AdapterException">Something is already there, or it cannot be written.</exception>
    /// <exception cref="ArgumentException">A name, version or hash is missing or malformed, or the checks do not belong to the adapter.</exception>
    public static AdapterBundle Write(
        string directory, Adapter adapter, AdapterName name, AdapterVersion version, string baseModelHash, IReadOnlyList<BundleCheck>? checks = null)
    {
        if (name == default || version == default)
            throw new ArgumentException("A bundle needs a name and a version.", nameof(name));
        if (!BundleManifest.IsBaseModelHash(baseModelHash))
            throw new ArgumentException($"'{baseModelHash}' is not 64 lower-case hexadecimal digits.", nameof(baseModelHash));
        if (checks is not null && BundleCheck.FindFaults(checks, adapter.Tasks.Count).FirstOrDefault() is { } fault)
            throw new ArgumentException($"The checks do not belong to the adapter: {fault}", nameof(checks));
        NewDirectory.Create(directory, temporary =>
        {
            AdapterConfigFile.Write(Path.Combine(temporary, ConfigFile), adapter);
            TensorFile.Write(Path.Combine(temporary, WeightFile), AdapterTensors.Of(adapter));
            if (checks is not null)
                ChecksFile.Write(Path.Combine(temporary, ChecksFile.Name), checks);
            BundleFile[] files = [.. ContentFiles(checks is null ? 1 : 2).Select(file => Describe(temporary, file))];
            ManifestFile.Write(Path.Combine(temporary, BundleManifest.FileName), new BundleManifest(name, version, adapter.Kind, baseModelHash, adapter.Tasks, files));
        });
        return Open(directory);
    }

    /// <summary>Every file of a bundle except its manifest, in ordinal order.</summary>
    internal static string[] ContentFiles(int formatVersion) =>
        formatVersion == 1 ? [ConfigFile, WeightFile] : [ConfigFile, WeightFile, ChecksFile.Name];

    private static BundleFile Describe(string directory, string name)
    {
        using FileStream stream = File.OpenRead(Path.Combine(directory, name));
        return new BundleFile(name, stream.Length, Convert.ToHexStringLower(SHA256.HashData(stream)));
    }

    // Plain files of known names only: no link can lead out of the directory and no path can be smuggled in.
    private static void CheckEntries(string directory, List<string> problems)
    {
        var missing = new HashSet<string>([ConfigFile, WeightFile, BundleManifest.FileName], StringComparer.Ordinal);
        foreach (FileSystemInfo entry in new DirectoryInfo(directory).EnumerateFileSystemInfos("*", new EnumerationOptions { AttributesToSkip = 0, IgnoreInaccessible = false }))
        {
            if (!missing.Remove(entry.Name) && entry.Name != ChecksFile.Name)
                problems.Add($"'{entry.Name}' does not belong to a bundle.");
            else if (entry is not FileInfo || entry.LinkTarget is not null)
                problems.Add($"'{entry.Name}' is no plain file.");
        }

        problems.AddRange(missing.Order(StringComparer.Ordinal).Select(name => $"{name} is missing."));
    }

    private static void CheckFiles(string directory, BundleManifest manifest, List<string> problems)
    {
        if (!manifest.HasChecks && File.Exists(Path.Combine(directory, ChecksFile.Name)))
            problems.Add($"'{ChecksFile.Name}' does not belong to a bundle of format {manifest.FormatVersion}.");
        foreach (BundleFile file in manifest.Files)
        {
            if (File.Exists(Path.Combine(directory, file.Name)))
                CheckFile(directory, file, problems);
            else
                problems.Add($"{file.Name} is missing.");
        }
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
