using Microsoft.Win32.SafeHandles;
using MoeLora.Serving.Registry;

namespace MoeLora.Serving.Auditing.Chain;

/// <summary>What the trail does to its disk. Tests put a failing one in its place.</summary>
internal class AuditVolume
{
    /// <summary>How the name of a file ends that is not published.</summary>
    public const string Unfinished = ".new";

    /// <summary>Opens a segment to be continued, with its end cut off behind <paramref name="length"/>.</summary>
    public virtual SafeFileHandle Open(string path, long length)
    {
        SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        try
        {
            // Setting the same length again frees what was reserved behind it, so it is set only to cut.
            long present = RandomAccess.GetLength(file);
            if (present < length)
                throw new IOException("A file of the audit trail is shorter than what was written to it.");
            if (present > length)
            {
                RandomAccess.SetLength(file, length);
                RandomAccess.FlushToDisk(file);
            }

            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Writes a file under a name of its own, durably, so that <see cref="Publish"/> can give it its name. Only its owner may read it.</summary>
    /// <param name="path">Its name later.</param>
    /// <param name="content">What it begins with.</param>
    /// <param name="reserve">Bytes that it can grow to without asking for room again, where the file system can promise that.</param>
    public virtual void Prepare(string path, ReadOnlySpan<byte> content, long reserve)
    {
        string unfinished = path + Unfinished;
        File.Delete(unfinished);
        using SafeFileHandle file = File.OpenHandle(unfinished, FileMode.CreateNew, FileAccess.Write, FileShare.None, FileOptions.None, reserve);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        RandomAccess.Write(file, content, 0);
        RandomAccess.FlushToDisk(file);
    }

    /// <summary>Gives a prepared file its name: from now on it is there whole, before it was not there at all, whatever happens.</summary>
    public virtual void Publish(string path)
    {
        File.Move(path + Unfinished, path, overwrite: true);
        DurableDirectory.Flush(Path.GetDirectoryName(path)!);
    }

    /// <summary>Writes.</summary>
    public virtual void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset) => RandomAccess.Write(file, bytes, offset);

    /// <summary>Completes when all that was written is durable.</summary>
    public virtual void Flush(SafeFileHandle file) => RandomAccess.FlushToDisk(file);

    /// <summary>Gives back what was reserved behind the end of a file.</summary>
    public virtual void Trim(SafeFileHandle file, long length) => RandomAccess.SetLength(file, length);
}
