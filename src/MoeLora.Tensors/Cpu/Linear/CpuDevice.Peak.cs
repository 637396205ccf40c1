using System.Diagnostics;
using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Linear;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu;

public unsafe partial class CpuDevice
{
    /// <summary>
    /// The F32 operations per second that all threads reach together when nothing leaves their registers: the ceiling of dense layers. Takes a few
    /// milliseconds; a machine that is busy with something else gives less, so measure it in turns with what is compared to it.
    /// </summary>
    public double MeasurePeak() => Lanes switch
    {
        16 => MeasurePeak<Lanes512, Vector512<float>>(),
        8 => MeasurePeak<Lanes256, Vector256<float>>(),
        _ => MeasurePeak<LanesScalar, float>(),
    };

    private double MeasurePeak<L, V>()
        where L : struct, IDenseLanes<V>
        where V : struct
    {
        float* results = (float*)_workerScratch.Reserve(Pool.Threads * sizeof(float));
        var job = new PeakJob<L, V> { Length = 1_000_000, Results = results };
        long start = Stopwatch.GetTimestamp();
        Pool.Run(ref job);
        return job.Operations(Pool.Threads) / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
