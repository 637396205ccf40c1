using System.IO.MemoryMappedFiles;

namespace MoeLora.Models.Checkpoints;

/// <summary>A whole file mapped read-only for as long as this object lives. Nothing is copied; pages come in as they are touched.</summary>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;
    private bool _disposed;

    private MappedFile(string path, MemoryMappedFile map, MemoryMappedViewAccessor view, long length)
    {
        Path = path;
        _map = map;
        _view = view;
        byte* start = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        Bytes = new ByteRegion(start + view.PointerOffset, length);
    }

    public string Path { get; }

    public ByteRegion Bytes { get; }

    /// <exception cref="CheckpointException">The file cannot be read, is empty, or is a Git LFS pointer.</exception>
    public static MappedFile Open(string path)
    {
        MappedFile file = Map(path);
        ReadOnlySpan<byte> pointer = "version https://git-lfs"u8;
        if (!file.Bytes.Holds(0, pointer.Length) || !file.Bytes.Span(0, pointer.Length).SequenceEqual(pointer))
            return file;
        file.Dispose();
        throw new CheckpointException($"{path}: this is a Git LFS pointer, not the weights; run 'git lfs pull' in the model's repository, or download the file again.");
    }

    private static MappedFile Map(string path)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            long length = stream.Length;
            if (length == 0)
                throw new CheckpointException($"{path}: the file is empty; copy or download it again.");
            var map = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            try
            {
                return new MappedFile(path, map, map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read), length);
            }
            catch
            {
                map.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{path}: the file cannot be read: {e.Message}", e);
        }
    }

    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _map.Dispose();
    }
}
