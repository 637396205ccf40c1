using System.Buffers.Binary;
using System.IO.Compression;

namespace MoeLora.Adapters.Bundles;

/// <summary>A bundle as one ZIP archive: how it travels. The archive holds the bundle's plain files and nothing else.</summary>
public static class BundleArchive
{
    private const int EndRecordSize = 22;
    private const int MaxDirectoryBytes = 64 << 10;
    private const int SmallFile = 1 << 20; // a ratio says little about a file this short
    private const int UnixTypeMask = 0xF000;
    private const int UnixPlainFile = 0x8000;

    /// <summary>Writes a bundle to a stream that need not seek. The same bundle gives the same bytes.</summary>
    /// <param name="bundle">What is packed.</param>
    /// <param name="output">Left open.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task PackAsync(AdapterBundle bundle, Stream output, CancellationToken cancellation = default)
    {
        await using ZipArchive archive = await ZipArchive.CreateAsync(output, ZipArchiveMode.Create, leaveOpen: true, entryNameEncoding: null, cancellation);
        foreach (string name in FileNames(bundle.Manifest.FormatVersion))
        {
            // Trained weights do not get smaller, and whoever reads the archive has less to do.
            ZipArchiveEntry entry = archive.CreateEntry(name, CompressionLevel.NoCompression);
            entry.LastWriteTime = new DateTimeOffset(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);
            await using Stream packed = await entry.OpenAsync(cancellation);
            await using FileStream file = File.OpenRead(Path.Combine(bundle.Directory, name));
            await file.CopyToAsync(packed, cancellation);
        }
    }

    /// <summary>
    /// Unpacks an archive that nobody vouches for. Only the exact file names of a bundle are taken, so that no entry says where anything is
    /// written; the number and size of what is unpacked is bounded, whatever the archive says of itself. Every file is on the disk when this returns.
    /// </summary>
    /// <param name="archive">Can seek; it has been checked to be no longer than <see cref="BundleLimits.ArchiveBytes"/>.</param>
    /// <param name="directory">Exists and is empty. Partly filled when this throws.</param>
    /// <param name="limits">What is taken.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="AdapterException">It is not the archive of a bundle; it lists all problems.</exception>
    /// <exception cref="BundleTooLargeException">It exceeds the limits.</exception>
    public static async Task UnpackAsync(Stream archive, string directory, BundleLimits limits, CancellationToken cancellation = default)
    {
        const string subject = "The archive of a bundle";
        if (CheckEnd(archive) is { } fault)
            throw new AdapterException(subject, [fault]);
        try
        {
            await using ZipArchive zip = await ZipArchive.CreateAsync(archive, ZipArchiveMode.Read, leaveOpen: true, entryNameEncoding: null, cancellation);
            List<string> problems = [.. FindFaults(zip)];
            if (problems.Count > 0)
                throw new AdapterException(subject, problems);
            foreach (ZipArchiveEntry entry in zip.Entries)
                await UnpackAsync(entry, directory, limits, cancellation);
        }
        catch (InvalidDataException e)
        {
            throw new AdapterException(subject, [$"it is damaged: {e.Message}"], e);
        }
    }

    private static string[] FileNames(int formatVersion) => [.. AdapterBundle.ContentFiles(formatVersion), BundleManifest.FileName];

    // The reader of the runtime keeps every entry of an archive's directory in memory before anybody can look at them. So the directory's
    // size is taken from the end record first, which must be the last bytes and say that the directory lies right before it.
    private static string? CheckEnd(Stream archive)
    {
        if (archive.Length < EndRecordSize)
            return "it is no ZIP archive: too short.";
        Span<byte> end = stackalloc byte[EndRecordSize];
        archive.Position = archive.Length - EndRecordSize;
        archive.ReadExactly(end);
        archive.Position = 0;
        if (BinaryPrimitives.ReadUInt32LittleEndian(end) != 0x06054B50)
            return "it is no ZIP archive, or has something behind its end, such as a comment.";
        uint size = BinaryPrimitives.ReadUInt32LittleEndian(end[12..]);
        uint offset = BinaryPrimitives.ReadUInt32LittleEndian(end[16..]);
        if (size > MaxDirectoryBytes || (long)offset + size != archive.Length - EndRecordSize)
            return "its directory is larger than a bundle's, or not where it says; pack the bundle's files, and only them, into a plain ZIP archive.";
        return null;
    }

    private static IEnumerable<string> FindFaults(ZipArchive zip)
    {
        string[] names = FileNames(2);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (ZipArchiveEntry entry in zip.Entries)
        {
            int type = (entry.ExternalAttributes >> 16) & UnixTypeMask;
            if (!names.Contains(entry.FullName, StringComparer.Ordinal))
                yield return $"'{entry.FullName}' does not belong to a bundle; its files have no folder in front of them.";
            else if (!seen.Add(entry.FullName))
                yield return $"'{entry.FullName}' is there twice.";
            else if (type is not (0 or UnixPlainFile))
                yield return $"'{entry.FullName}' is no plain file.";
            else if (entry.IsEncrypted)
                yield return $"'{entry.FullName}' is encrypted.";
        }

        foreach (string name in FileNames(1).Where(name => !seen.Contains(name)))
            yield return $"{name} is missing.";
    }

    private static async Task UnpackAsync(ZipArchiveEntry entry, string directory, BundleLimits limits, CancellationToken cancellation)
    {
        long limit = entry.FullName == AdapterBundle.WeightFile ? limits.WeightBytes : limits.TextBytes;
        long most = Math.Min(limit, Math.Max(SmallFile, entry.CompressedLength > long.MaxValue / limits.Ratio ? long.MaxValue : entry.CompressedLength * limits.Ratio));
        await using Stream packed = await entry.OpenAsync(cancellation);
        await using var file = new FileStream(Path.Combine(directory, entry.FullName), FileMode.CreateNew, FileAccess.Write);
        byte[] buffer = new byte[1 << 17];
        long written = 0;
        for (int read; (read = await packed.ReadAsync(buffer, cancellation)) > 0;)
        {
            written += read;
            if (written > most)
            {
                throw new BundleTooLargeException(
                    most == limit ? $"'{entry.FullName}' has more than {limit} bytes, the most that is taken." : $"'{entry.FullName}' unpacks to more than {limits.Ratio} times its size.");
            }

            await file.WriteAsync(buffer.AsMemory(0, read), cancellation);
        }

        await file.FlushAsync(cancellation);
        file.Flush(flushToDisk: true);
    }
}
