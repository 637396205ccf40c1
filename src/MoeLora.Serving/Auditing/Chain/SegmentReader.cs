using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using MoeLora.Contracts.Auditing;

namespace MoeLora.Serving.Auditing.Chain;

/// <summary>Reads a segment from its beginning and computes its chain as it goes.</summary>
internal sealed class SegmentReader : IDisposable
{
    private const int BufferBytes = 1 << 16;

    private readonly FileStream _file;
    private readonly long _limit;
    private byte[] _frame = new byte[4096];

    /// <summary>Opens a segment, which may be written meanwhile.</summary>
    /// <param name="path">The file.</param>
    /// <param name="limit">Bytes to read; null for all there are now.</param>
    /// <exception cref="FormatException">Its header is not whole.</exception>
    public SegmentReader(string path, long? limit = null)
    {
        _file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, BufferBytes, FileOptions.SequentialScan);
        try
        {
            _limit = limit ?? _file.Length;
            Header = SegmentHeader.Read(_file);
        }
        catch
        {
            _file.Dispose();
            throw;
        }

        Position = _file.Position;
        Chain = [.. Header.PreviousHash];
    }

    public string Path => _file.Name;

    public SegmentHeader Header { get; }

    /// <summary>End of the last good frame, or of the header.</summary>
    public long Position { get; private set; }

    /// <summary>Hash of the last record; that of the record before the segment, until one was read.</summary>
    public byte[] Chain { get; }

    /// <summary>Set when the frame read last closes the segment.</summary>
    public SegmentSeal? Seal { get; private set; }

    /// <summary>Why the next frame cannot be read, as the end of a sentence about its record; null for nothing.</summary>
    public string? Problem { get; private set; }

    /// <summary>Reads the next record.</summary>
    /// <param name="record">It.</param>
    /// <returns>False at the end, and where <see cref="Problem"/> says what is wrong.</returns>
    public bool TryRead([NotNullWhen(true)] out AuditRecord? record)
    {
        record = null;
        if (Position == _limit)
            return false;
        if (Seal is not null)
        {
            Problem = "something follows the closing record";
            return false;
        }

        if (!TryReadFrame(out int bodyLength))
        {
            Problem = "it is not complete";
            return false;
        }

        ReadOnlySpan<byte> body = _frame.AsSpan(sizeof(uint), bodyLength);
        ReadOnlySpan<byte> stated = _frame.AsSpan(sizeof(uint) + bodyLength, SHA256.HashSizeInBytes);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        AuditFrame.Hash(Chain, body, hash);
        if (!hash.SequenceEqual(stated))
        {
            Problem = "its content, or its place, does not agree with its hash";
            return false;
        }

        try
        {
            if (body[0] == AuditEncoding.SealKind)
            {
                Seal = SegmentSeal.Read(body);
                Position += AuditFrame.Overhead + bodyLength;
                return TryRead(out record);
            }

            AuditBody read = AuditEncoding.Read(body);
            string previous = Convert.ToHexStringLower(Chain);
            hash.CopyTo(Chain);
            Position += AuditFrame.Overhead + bodyLength;
            record = new AuditRecord(read.Sequence, read.At, read.Node, read.Entry, previous, Convert.ToHexStringLower(Chain));
            return true;
        }
        catch (FormatException e)
        {
            Problem = $"it cannot be read: {e.Message}";
            return false;
        }
    }

    /// <summary>Reads a seal from the end of a segment without reading the rest; null where there is none.</summary>
    public static SegmentSeal? ReadSeal(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        byte[] frame = new byte[SegmentSeal.Bytes + AuditFrame.Overhead];
        if (file.Length < frame.Length)
            return null;
        file.Seek(-frame.Length, SeekOrigin.End);
        file.ReadExactly(frame);
        ReadOnlySpan<byte> body = frame.AsSpan(sizeof(uint), SegmentSeal.Bytes);
        if (BinaryPrimitives.ReadUInt32LittleEndian(frame) != SegmentSeal.Bytes || body[0] != AuditEncoding.SealKind)
            return null;
        try
        {
            var seal = SegmentSeal.Read(body);
            Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
            AuditFrame.Hash(seal.LastHash, body, hash);
            return hash.SequenceEqual(frame.AsSpan(sizeof(uint) + SegmentSeal.Bytes)) ? seal : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    public void Dispose() => _file.Dispose();

    private bool TryReadFrame(out int bodyLength)
    {
        bodyLength = 0;
        long left = _limit - Position;
        if (left < AuditFrame.Overhead || _file.ReadAtLeast(_frame.AsSpan(0, sizeof(uint)), sizeof(uint), throwOnEndOfStream: false) < sizeof(uint))
            return false;
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(_frame);
        if (length is 0 or > AuditEncoding.MaxBody || length + AuditFrame.Overhead > left)
            return false;
        bodyLength = (int)length;
        int rest = bodyLength + SHA256.HashSizeInBytes;
        if (_frame.Length < sizeof(uint) + rest)
            Array.Resize(ref _frame, sizeof(uint) + rest);
        return _file.ReadAtLeast(_frame.AsSpan(sizeof(uint), rest), rest, throwOnEndOfStream: false) == rest;
    }
}
