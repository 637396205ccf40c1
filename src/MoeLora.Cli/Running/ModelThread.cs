using MoeLora.Cli.Terminals;
using MoeLora.Tensors.Cpu;

namespace MoeLora.Cli.Running;

/// <summary>
/// Runs work on a device from a thread of its own, pinned to the first core: a pinned main thread would hand its one core to
/// every thread that the process starts later.
/// </summary>
internal static class ModelThread
{
    /// <summary>Runs <paramref name="work"/> and shows what it is busy with.</summary>
    /// <param name="terminal">Where progress goes.</param>
    /// <param name="threads">Threads that compute; null for one for each core.</param>
    /// <param name="work">Everything that touches the device.</param>
    public static Task<T> RunAsync<T>(Terminal terminal, int? threads, Func<CpuDevice, ProgressSource, T> work)
    {
        var progress = new ProgressSource();
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            try
            {
                using var device = new CpuDevice(threads);
                device.PinThread();
                result.SetResult(work(device, progress));
            }
            catch (Exception e)
            {
                result.SetException(e);
            }
        })
        {
            IsBackground = true,
            Name = "model",
        };
        thread.Start();
        return progress.WatchAsync(terminal, result.Task);
    }
}
