using System.Diagnostics;
using MoeLora.Tensors;

namespace MoeLora.Cli.Benchmarks;

/// <summary>How fast a device copies within its memory: what bounds a decode step from below, which must read every weight once.</summary>
internal static class CopyBandwidth
{
    private const int Columns = 4096;
    private const long MostBytes = 256 << 20;
    private const long FewestBytes = 1 << 20;
    private const int Times = 5;

    /// <summary>Bytes read and written per second, the median of a few copies.</summary>
    /// <param name="device">The device.</param>
    /// <param name="weightBytes">What a step reads: no more is copied, so that a small model is compared with what caches give it too.</param>
    public static double Measure(Device device, long weightBytes)
    {
        int rows = (int)(Math.Clamp(weightBytes, FewestBytes, MostBytes) / (Columns * sizeof(float)));
        using Tensor from = device.Allocate(DType.F32, rows, Columns), to = device.Allocate(DType.F32, rows, Columns);
        int copies = (int)Math.Clamp(MostBytes / from.ResidentBytes, 1, 64);
        device.Copy(from, to, rows);
        var seconds = new List<double>();
        for (int i = 0; i < Times; i++)
        {
            device.Synchronize();
            long start = Stopwatch.GetTimestamp();
            for (int copy = 0; copy < copies; copy++)
                device.Copy(from, to, rows);
            device.Synchronize();
            seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds / copies);
        }

        return 2.0 * rows * Columns * sizeof(float) / RunTimes.Median(seconds);
    }
}
