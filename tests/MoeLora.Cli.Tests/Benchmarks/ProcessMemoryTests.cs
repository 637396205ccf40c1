using MoeLora.Cli.Benchmarks;

namespace MoeLora.Cli.Tests.Benchmarks;

public sealed class ProcessMemoryTests
{
    [Fact]
    public void Read_OnLinux_GrowsWithWhatIsTouched()
    {
        if (!OperatingSystem.IsLinux())
            return;
        const int Grown = 64 << 20;
        ProcessMemory before = ProcessMemory.Read()!.Value;

        byte[] touched = new byte[Grown];
        touched.AsSpan().Fill(1);
        ProcessMemory after = ProcessMemory.Read()!.Value;

        // Other tests of the process free memory at the same time: half is enough to tell bytes from kilobytes.
        Assert.InRange(after.Peak - before.Resident, Grown / 2, long.MaxValue);
        Assert.True(after.Resident <= after.Peak);
        GC.KeepAlive(touched);
    }
}
