namespace MoeLora.Grid.Banks;

/// <summary>Where bundles are shared beside the silos themselves.</summary>
public sealed class BundleSharingOptions
{
    /// <summary>A folder that all silos see, such as a network share; null for none: silos send bundles to each other then.</summary>
    public string? SharedFolder { get; set; }
}

/// <summary>
/// Bundles in a folder that all silos see: <c>sha256-….zip</c>, whole or not there at all. Nothing that is read from it is trusted: whoever reads verifies every hash.
/// </summary>
internal sealed class BundleFolder(string directory)
{
    /// <summary>The archive of a bundle; null where the folder does not have it.</summary>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    public Stream? Open(string bundleHash)
    {
        string path = PathOf(bundleHash);
        return File.Exists(path) ? new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete) : null;
    }

    /// <summary>Writes an archive, over one that is there: that may be damaged. It appears whole: it is written beside its place, flushed and renamed.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public async Task WriteAsync(string bundleHash, Stream archive, CancellationToken cancellation)
    {
        string path = PathOf(bundleHash);
        Directory.CreateDirectory(directory);
        string incoming = $"{path}.{Guid.NewGuid():N}.incoming";
        try
        {
            await using (var file = new FileStream(incoming, FileMode.CreateNew, FileAccess.Write))
            {
                await archive.CopyToAsync(file, cancellation);
                file.Flush(flushToDisk: true);
            }

            File.Move(incoming, path, overwrite: true);
        }
        finally
        {
            File.Delete(incoming);
        }
    }

    private string PathOf(string bundleHash) => Path.Combine(directory, $"{bundleHash.Replace(':', '-')}.zip");
}
