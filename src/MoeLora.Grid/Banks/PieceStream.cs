namespace MoeLora.Grid.Banks;

/// <summary>Pieces of another silo as one stream, to be read once. Whatever breaks it off is an <see cref="IOException"/>.</summary>
internal sealed class PieceStream(IAsyncEnumerator<byte[]> pieces, ReadOnlyMemory<byte> first) : Stream
{
    private ReadOnlyMemory<byte> _rest = first;
    private bool _ended;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_rest.IsEmpty && !_ended)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                _ended = !await pieces.MoveNextAsync();
            }
            catch (Exception e) when (e is not (OperationCanceledException or IOException))
            {
                throw new IOException($"The silo that sends the bundle broke off: {e.Message}", e);
            }

            _rest = _ended ? default : pieces.Current;
        }

        int read = Math.Min(buffer.Length, _rest.Length);
        _rest[..read].CopyTo(buffer);
        _rest = _rest[read..];
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Pieces are only read asynchronously.");

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
