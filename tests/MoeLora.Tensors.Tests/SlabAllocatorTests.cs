using MoeLora.Tensors.Memory;

namespace MoeLora.Tensors.Tests;

public sealed unsafe class SlabAllocatorTests
{
    [Fact]
    public void Rent_ManyLeases_AreAlignedZeroedAndApart()
    {
        var slabs = new SlabAllocator();
        var random = new Random(1);
        var leases = new List<(SlabAllocator.Lease Lease, int Bytes, byte Mark)>();
        for (int i = 0; i < 300; i++)
        {
            int bytes = random.Next(1, 200_000);
            SlabAllocator.Lease lease = slabs.Rent(bytes);
            Assert.Equal(0, (long)lease.Memory % NativeBuffer.Alignment);
            Assert.False(new ReadOnlySpan<byte>(lease.Memory, bytes).ContainsAnyExcept((byte)0));
            byte mark = (byte)(i % 255 + 1);
            new Span<byte>(lease.Memory, bytes).Fill(mark);
            leases.Add((lease, bytes, mark));
            if (i % 3 == 0)
            {
                int victim = random.Next(leases.Count);
                leases[victim].Lease.Dispose();
                leases.RemoveAt(victim);
            }
        }

        foreach ((SlabAllocator.Lease lease, int bytes, byte mark) in leases)
        {
            Assert.False(new ReadOnlySpan<byte>(lease.Memory, bytes).ContainsAnyExcept(mark));
            lease.Dispose();
            lease.Dispose();
        }
    }

    [Fact]
    public void Rent_AsLargeAsAHugePage_IsRefused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new SlabAllocator().Rent(NativeBuffer.HugePageBytes));
}
