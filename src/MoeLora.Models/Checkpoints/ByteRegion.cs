namespace MoeLora.Models.Checkpoints;

/// <summary>Read-only bytes that someone else keeps alive; unlike a span they may be longer than 2 GB and be kept in a field.</summary>
internal readonly unsafe struct ByteRegion(byte* data, long length)
{
    private readonly byte* _data = data;

    public long Length { get; } = length;

    /// <summary>True when [<paramref name="offset"/>, offset + <paramref name="count"/>) lies inside; safe for any values.</summary>
    public bool Holds(long offset, long count) => offset >= 0 && count >= 0 && offset <= Length - count;

    public ReadOnlySpan<byte> Span(long offset, int count) => new(At(offset, count), count);

    public void* At(long offset, long count)
    {
        if (!Holds(offset, count))
            throw new ArgumentOutOfRangeException(nameof(offset), $"[{offset}, {offset} + {count}) is outside {Length} bytes.");
        return _data + offset;
    }
}
