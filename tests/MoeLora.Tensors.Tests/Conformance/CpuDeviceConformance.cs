using System.Runtime.Intrinsics.X86;
using MoeLora.Tensors.Cpu;

namespace MoeLora.Tensors.Tests.Conformance;

public sealed class CpuOneThreadConformance() : DeviceConformance(new CpuDevice(1));

public sealed class CpuTwoThreadsConformance() : DeviceConformance(new CpuDevice(2));

public sealed class CpuThreeThreadsConformance() : DeviceConformance(new CpuDevice(3));

/// <summary>Vectors of eight floats, even where the processor has wider ones.</summary>
public sealed class CpuNarrowConformance() : DeviceConformance(new CpuDevice(2) { Lanes = CpuLanes.Narrow });

public sealed class CpuGuardedEndConformance() : GuardedCpuConformance(new CpuDevice(1), guardEnd: true);

public sealed class CpuGuardedStartConformance() : GuardedCpuConformance(new CpuDevice(1), guardEnd: false);

public sealed class CpuNarrowGuardedEndConformance() : GuardedCpuConformance(new CpuDevice(1) { Lanes = CpuLanes.Narrow }, guardEnd: true);

/// <summary>The whole suite once more with pages that must not be touched right behind, or before, everything.</summary>
public abstract class GuardedCpuConformance : DeviceConformance
{
    private protected GuardedCpuConformance(CpuDevice device, bool guardEnd)
        : base(new GuardedCpuDevice(device, guardEnd))
    {
    }

    private protected override void CaseDone() => ((GuardedCpuDevice)Device).Release();
}

internal static class CpuLanes
{
    public static int Narrow => Avx2.IsSupported ? 8 : 1;
}
