using Microsoft.Win32.SafeHandles;
using MoeLora.Contracts.Auditing;

namespace MoeLora.Serving.Auditing.Chain;

/// <summary>The end of a chain on disk. Used by one thread; <see cref="Written"/> may be read by any.</summary>
internal sealed class AuditWriter : IDisposable
{
    // Room in a full segment for the answers that were begun before the next segment could not be made.
    private const int Reserve = 4 << 20;
    private const int CommitBytes = 1 << 20;
    private static readonly TimeSpan HeadFlushInterval = TimeSpan.FromSeconds(1);

    private readonly AuditTrailOptions _options;
    private readonly AuditVolume _volume;
    private readonly byte[] _buffer = new byte[CommitBytes];
    private readonly byte[] _chain;
    private readonly SafeFileHandle _headFile;
    private SafeFileHandle? _file; // null after a failure, until Recover
    private string _path;
    private long _length;
    private long _last;
    private bool _closed; // the segment ends with a seal
    private DateTimeOffset _created;
    private DateTimeOffset _earliest;
    private DateTimeOffset _latest;
    private long _headFlushed;
    private Exception? _rotationFailure;
    private Exception? _headFailure;
    private volatile WrittenTrail _written;

    /// <summary>Goes on where a chain ends.</summary>
    /// <param name="options">Where it is.</param>
    /// <param name="volume">Its disk.</param>
    /// <param name="end">Where the chain ends.</param>
    public AuditWriter(AuditTrailOptions options, AuditVolume volume, ChainEnd end)
    {
        _options = options;
        _volume = volume;
        _last = end.Last;
        _chain = [.. end.LastHash];
        (_path, _length, _closed) = (end.Path, end.Length, end.Closed);
        (_created, _earliest, _latest) = (end.Created, end.Earliest, end.Latest);
        _written = new WrittenTrail(_path, _length, Head());
        _headFile = volume.Open(Path.Combine(options.Directory, SegmentFiles.HeadFile), HeadBytes(Head()).Length);
        try
        {
            Reopen();
            WriteHead(flush: true);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>How far the trail is durable.</summary>
    public WrittenTrail Written => _written;

    /// <summary>
    /// What will soon keep records from being written, though they still are: the next segment cannot be begun, so that only the current one's
    /// reserve is left, or the head cannot be kept.
    /// </summary>
    public Exception? Trouble => _rotationFailure ?? _headFailure;

    /// <summary>Makes the first entries of a list durable in one commit.</summary>
    /// <param name="entries">At least one.</param>
    /// <returns>How many were written: all, unless they are more than a commit holds.</returns>
    /// <exception cref="IOException">None was written; <see cref="Recover"/> is needed.</exception>
    public int Append(ReadOnlySpan<AuditEntry> entries)
    {
        if (_file is null || _closed)
            throw new IOException("The audit trail waits for its disk.");
        Rotate();

        Span<byte> chain = stackalloc byte[_chain.Length];
        _chain.CopyTo(chain);
        DateTimeOffset now = _options.Time.GetUtcNow();
        int bytes = 0;
        int taken = 0;
        while (taken < entries.Length && bytes + AuditFrame.Overhead + AuditEncoding.MaxBody <= _buffer.Length)
        {
            Span<byte> frame = _buffer.AsSpan(bytes);
            int body = AuditEncoding.Write(frame[sizeof(uint)..], _last + 1 + taken, _last + 1, now, _options.Node, entries[taken]);
            bytes += AuditFrame.Close(frame, body, chain);
            taken++;
        }

        if (_length + bytes > _options.SegmentBytes + Reserve)
            throw new IOException("The audit trail's segment is full, and the next one cannot be begun.", _rotationFailure);
        Write(_buffer.AsSpan(0, bytes));
        chain.CopyTo(_chain);
        _last += taken;
        _earliest = now < _earliest ? now : _earliest;
        _latest = now > _latest ? now : _latest;
        _written = new WrittenTrail(_path, _length, Head());
        WriteHead(flush: _options.Time.GetElapsedTime(_headFlushed) >= HeadFlushInterval);
        return taken;
    }

    /// <summary>Closes the segment when it is full or old, and begins the next one. Where the disk has no room for that, the segment goes on.</summary>
    /// <exception cref="IOException">The segment itself cannot be written; <see cref="Recover"/> is needed.</exception>
    public void Rotate()
    {
        bool isEmpty = _earliest > _latest;
        if (isEmpty || (_length < _options.SegmentBytes && _options.Time.GetUtcNow() - _created < _options.SegmentAge))
            return;

        SegmentHeader header = NextHeader();
        string next = Path.Combine(_options.Directory, SegmentFiles.Name(header.First));
        try
        {
            _volume.Prepare(next, header.ToBytes(), _options.SegmentBytes + Reserve);
            _rotationFailure = null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _rotationFailure = e;
            return;
        }

        Span<byte> frame = _buffer.AsSpan(0, SegmentSeal.Bytes + AuditFrame.Overhead);
        new SegmentSeal(_last, [.. _chain], _earliest, _latest).Write(frame[sizeof(uint)..]);
        AuditFrame.Close(frame, SegmentSeal.Bytes, [.. _chain]);
        Write(frame);
        _closed = true;
        _volume.Trim(_file!, _length);
        Begin(next, header, prepared: true);
    }

    /// <summary>Cuts off what a failed commit left, and goes on; begins the next segment if that is due.</summary>
    /// <exception cref="IOException">The disk still does not do it.</exception>
    public void Recover()
    {
        if (Trouble is null)
        {
            _file?.Dispose();
            _file = null;
            Reopen();
        }

        Rotate();
        WriteHead(flush: true);
    }

    public void Dispose()
    {
        _file?.Dispose();
        _headFile.Dispose();
    }

    /// <summary>Bytes of the file that holds the head: always the same number.</summary>
    public static byte[] HeadBytes(AuditHead head) => System.Text.Encoding.ASCII.GetBytes($"{head.Sequence:D19} {head.Hash}\n");

    private AuditHead Head() => new(_last, Convert.ToHexStringLower(_chain));

    private SegmentHeader NextHeader() => new(_last + 1, [.. _chain], _options.Time.GetUtcNow(), _options.Node);

    private void Reopen()
    {
        if (_closed)
        {
            SegmentHeader header = NextHeader();
            Begin(Path.Combine(_options.Directory, SegmentFiles.Name(header.First)), header, prepared: false);
        }
        else
        {
            _file = _volume.Open(_path, _length);
        }
    }

    private void Begin(string path, SegmentHeader header, bool prepared)
    {
        byte[] bytes = header.ToBytes();
        if (!prepared)
            _volume.Prepare(path, bytes, _options.SegmentBytes + Reserve);
        _volume.Publish(path);
        SafeFileHandle next = _volume.Open(path, bytes.Length);
        _file?.Dispose();
        (_file, _path, _length, _closed) = (next, path, bytes.Length, false);
        (_created, _earliest, _latest) = (header.Created, DateTimeOffset.MaxValue, DateTimeOffset.MinValue);
        _written = new WrittenTrail(_path, _length, Head());
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        _volume.Write(_file!, bytes, _length);
        _volume.Flush(_file!);
        _length += bytes.Length;
    }

    private void WriteHead(bool flush)
    {
        try
        {
            _volume.Write(_headFile, HeadBytes(_written.Head), 0);
            if (flush)
            {
                _volume.Flush(_headFile);
                _headFlushed = _options.Time.GetTimestamp();
            }

            _headFailure = null;
        }
        catch (IOException e)
        {
            _headFailure = e; // the records themselves are durable
        }
    }
}

/// <summary>Where a chain ends on disk.</summary>
/// <param name="Path">Its last segment.</param>
/// <param name="Length">Bytes of it that are good.</param>
/// <param name="Closed">Whether it ends with a seal, so that the next segment is to be begun; also where there is no segment at all.</param>
/// <param name="Last">Place of the last record.</param>
/// <param name="LastHash">Its hash.</param>
internal sealed record ChainEnd(string Path, long Length, bool Closed, long Last, byte[] LastHash)
{
    public DateTimeOffset Created { get; init; }

    public DateTimeOffset Earliest { get; init; } = DateTimeOffset.MaxValue;

    public DateTimeOffset Latest { get; init; } = DateTimeOffset.MinValue;
}

/// <summary>How far a trail is durable.</summary>
/// <param name="Path">The segment that is written.</param>
/// <param name="Length">Bytes of it.</param>
/// <param name="Head">The last record.</param>
internal sealed record WrittenTrail(string Path, long Length, AuditHead Head);
