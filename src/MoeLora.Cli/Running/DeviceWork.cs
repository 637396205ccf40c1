using MoeLora.Cli.Terminals;
using MoeLora.Engine.Threading;
using MoeLora.Tensors;

namespace MoeLora.Cli.Running;

/// <summary>
/// Runs a command's work on a device from a thread of its own, pinned to the first core: a pinned main thread would hand its one
/// core to every thread that the process starts later.
/// </summary>
internal static class DeviceWork
{
    /// <summary>Runs <paramref name="work"/> and shows what it is busy with.</summary>
    /// <param name="terminal">Where progress goes.</param>
    /// <param name="device">One of <see cref="DeviceKinds"/>.</param>
    /// <param name="threads">Threads that compute; null for one for each core.</param>
    /// <param name="work">Everything that touches the device.</param>
    /// <exception cref="IOException">The device cannot be opened.</exception>
    public static async Task<T> RunAsync<T>(Terminal terminal, string device, int? threads, Func<Device, ProgressSource, T> work)
        where T : class
    {
        using Device opened = DeviceKinds.Open(device, threads);
        using var thread = new ModelThread(1, opened.PinThread);
        var progress = new ProgressSource();
        T? result = null;
        Task run = thread.TryRun(() => result = work(opened, progress)) ?? throw new InvalidOperationException("A new thread has room for one piece of work.");
        await progress.WatchAsync(terminal, run);
        return result!;
    }
}
