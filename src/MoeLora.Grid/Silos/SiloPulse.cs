using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;

namespace MoeLora.Grid.Silos;

/// <summary>
/// Whether this silo may take itself for a part of the cluster. One that stood still, because its process was stopped or its machine slept, may have been declared dead
/// meanwhile, and versions may have changed without it: it takes no requests until it has asked the membership. If it is dead there, Orleans ends the process.
/// </summary>
internal sealed partial class SiloPulse(
    IClusterMembershipService membership, ILocalSiloDetails silo, IOptions<ClusterMembershipOptions> options, TimeProvider time, ILogger<SiloPulse> logger)
    : ILifecycleParticipant<ISiloLifecycle>
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _end = new();
    private long _beat = time.GetUtcNow().UtcTicks;
    private Task _loop = Task.CompletedTask;

    /// <summary>
    /// Whether it was part of the cluster a moment ago. Nobody is declared dead after less than a probe's time. By the calendar's clock: the other one stands still
    /// with the machine, and one that is set costs a question at most.
    /// </summary>
    public bool IsSure => Pause >= TimeSpan.Zero && Pause < options.Value.ProbeTimeout && !IsDead;

    /// <summary>The time since it was sure last.</summary>
    internal TimeSpan Pause => TimeSpan.FromTicks(time.GetUtcNow().UtcTicks - Volatile.Read(ref _beat));

    // Orleans lets a process whose silo is dead live for two more seconds.
    private bool IsDead => membership.CurrentSnapshot.GetSiloStatus(silo.SiloAddress) == SiloStatus.Dead;

    public void Participate(ISiloLifecycle observer) => observer.Subscribe(nameof(SiloPulse), ServiceLifecycleStage.Active, StartAsync, StopAsync);

    internal Task StartAsync(CancellationToken cancellation)
    {
        Volatile.Write(ref _beat, time.GetUtcNow().UtcTicks);
        _loop = Task.Run(LoopAsync, CancellationToken.None);
        return Task.CompletedTask;
    }

    internal async Task StopAsync(CancellationToken cancellation)
    {
        await _end.CancelAsync();
        await _loop;
    }

    private async Task LoopAsync()
    {
        using var timer = new PeriodicTimer(Period, time);
        try
        {
            while (await timer.WaitForNextTickAsync(_end.Token))
            {
                // The moment before anything is known: a pause right after it is one.
                long now = time.GetUtcNow().UtcTicks;
                if (IsSure || await AskAsync())
                    Volatile.Write(ref _beat, now);
            }
        }
        catch (OperationCanceledException)
        {
            // The silo has stopped.
        }
    }

    private async Task<bool> AskAsync()
    {
        LogStoodStill();
        try
        {
            await membership.Refresh(default, _end.Token);
            return !IsDead;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogNotAsked(e);
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "This silo stood still; it takes no requests until it has asked whether it is still part of the cluster.")]
    private partial void LogStoodStill();

    [LoggerMessage(Level = LogLevel.Error, Message = "The cluster's members cannot be read; this silo, which stood still, takes no requests until they can.")]
    private partial void LogNotAsked(Exception exception);
}
