namespace MoeLora.Training.Records;

/// <summary>Cuts a file into lines of bytes, holding one line at a time. A line of UTF-16 stays whole, also between lines of UTF-8.</summary>
internal sealed class RecordLineReader(Stream stream)
{
    /// <summary>A record of the longest prompts has some 100 kB; a line beyond this is a file without line ends.</summary>
    public const int MostBytes = 16 << 20;

    private byte[] _buffer = new byte[64 << 10];
    private int _start;
    private int _end;
    private long _offset;
    private int _number;
    private bool _ended;

    private ReadOnlySpan<byte> Available => _buffer.AsSpan(_start, _end - _start);

    /// <summary>The next line; false at the end of the file.</summary>
    public bool TryRead(out RecordLine line)
    {
        int length, lineEnd, searched = 0;
        while (!TryFindLineEnd(searched, out length, out lineEnd) && length <= MostBytes && !_ended)
        {
            searched = Math.Max(0, (length & ~1) - 2);
            Fill();
        }

        bool tooLong = length > MostBytes;
        line = new RecordLine(_number + 1, _offset, tooLong ? default : _buffer.AsMemory(_start, length), tooLong);
        if (length + lineEnd == 0)
            return false;
        _number++;
        Skip(length + lineEnd);
        if (tooLong && lineEnd == 0)
            SkipRestOfLine();
        return true;
    }

    // Length: the bytes before the line end, or all that there are when it is not among them.
    private bool TryFindLineEnd(int from, out int length, out int lineEnd)
    {
        ReadOnlySpan<byte> available = Available;
        (length, lineEnd) = (available.Length, 0);
        if (available.Length < 2 && !_ended)
            return false; // not enough to know UTF-16
        if (IsWide(available))
            return TryFindWideLineEnd(available, from, ref length, ref lineEnd);
        int found = available[from..].IndexOf((byte)'\n');
        if (found >= 0)
            (length, lineEnd) = (from + found, 1);
        return found >= 0;
    }

    // As an object begins in UTF-16, with or without a byte order mark.
    private static bool IsWide(ReadOnlySpan<byte> line) => line is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..] or [(byte)'{', 0, ..] or [0, (byte)'{', ..];

    private static bool BeginsRecord(ReadOnlySpan<byte> line) => IsWide(line) || line is [(byte)'{', (byte)'"', ..];

    private static bool TryFindWideLineEnd(ReadOnlySpan<byte> line, int from, ref int length, ref int lineEnd)
    {
        bool bigEndian = line[0] is 0 or 0xFE;
        for (int i = from; i + 2 < line.Length; i += 2)
        {
            if (bigEndian ? line[i] == 0 && line[i + 1] == '\n' : line[i] == '\n' && line[i + 1] == 0)
                (length, lineEnd) = (i, 2);
            else if (line[i] == '\n' && BeginsRecord(line[(i + 1)..]))
                (length, lineEnd) = (i, 1); // a line end of one byte: lines of several encodings in one file
            else
                continue;
            return true;
        }

        return false;
    }

    private void SkipRestOfLine()
    {
        while (_end > _start || Fill())
        {
            int found = Available.IndexOf((byte)'\n');
            Skip(found < 0 ? _end - _start : found + 1);
            if (found >= 0)
                return;
        }
    }

    private void Skip(int count)
    {
        _start += count;
        _offset += count;
    }

    private bool Fill()
    {
        Available.CopyTo(_buffer);
        (_start, _end) = (0, _end - _start);
        if (_end == _buffer.Length)
            Array.Resize(ref _buffer, 2 * _buffer.Length);
        int read = stream.Read(_buffer, _end, _buffer.Length - _end);
        _end += read;
        _ended = read == 0;
        return read > 0;
    }
}
