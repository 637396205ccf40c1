using System.Runtime.Intrinsics.X86;
using MoeLora.Tensors.Cpu;

namespace MoeLora.Tensors.Tests.Conformance;

// One, two and three threads; two widths of vector; tensors against the page behind them, against the page before them, and as the device
// itself allocates them.
public sealed class CpuTwoThreadsConformance() : DeviceConformance(new CpuDevice(2));

public sealed class CpuOneThreadGuardedEndConformance() : GuardedCpuConformance(new CpuDevice(1), guardEnd: true);

public sealed class CpuThreeThreadsGuardedStartConformance() : GuardedCpuConformance(new CpuDevice(3), guardEnd: false);

public sealed class CpuNarrowGuardedEndConformance() : GuardedCpuConformance(new CpuDevice(2) { Lanes = Avx2.IsSupported ? 8 : 1 }, guardEnd: true);

/// <summary>The suite with pages that must not be touched right behind, or before, every tensor and cache.</summary>
public abstract class GuardedCpuConformance : DeviceConformance
{
    private protected GuardedCpuConformance(CpuDevice device, bool guardEnd)
        : base(new GuardedCpuDevice(device, guardEnd))
    {
    }

    private protected override void CaseDone() => ((GuardedCpuDevice)Device).Release();
}
