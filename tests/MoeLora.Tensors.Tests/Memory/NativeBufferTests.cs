using MoeLora.Tensors.Memory;

namespace MoeLora.Tensors.Tests.Memory;

public unsafe class NativeBufferTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(4096)]
    [InlineData(NativeBuffer.HugePageBytes - 1)]
    [InlineData(NativeBuffer.HugePageBytes)]
    [InlineData(NativeBuffer.HugePageBytes + 1)]
    [InlineData(5 * NativeBuffer.HugePageBytes + 12345)]
    public void New_AnySize_IsAlignedZeroedAndWritable(long bytes)
    {
        using var buffer = new NativeBuffer(bytes);
        long alignment = bytes >= NativeBuffer.HugePageBytes && OperatingSystem.IsLinux() ? NativeBuffer.HugePageBytes : NativeBuffer.Alignment;
        var content = new Span<byte>(buffer.Pointer, (int)bytes);

        Assert.Equal(0, (long)buffer.Pointer % alignment);
        Assert.Equal(bytes, buffer.ByteCount);
        Assert.False(content.ContainsAnyExcept((byte)0));
        content.Fill(0xA5);
        Assert.Equal(0xA5, content[^1]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void New_NoBytes_Refused(long bytes) => Assert.Throws<ArgumentOutOfRangeException>(() => new NativeBuffer(bytes));

    [Fact]
    public void Pointer_AfterDispose_Refused()
    {
        var buffer = new NativeBuffer(128);
        buffer.Dispose();
        buffer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => (nint)buffer.Pointer);
    }
}
