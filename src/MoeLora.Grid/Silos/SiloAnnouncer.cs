using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Placement;

namespace MoeLora.Grid.Silos;

/// <summary>
/// Tells this silo's board and those of all others what it is and does: at its start, then period by period, at once when asked, and last that it is stopping,
/// before anything of it stops. A silo that is slow or dead delays nobody.
/// </summary>
internal sealed partial class SiloAnnouncer(
    SiloReporter reporter, SiloBoard board, ISiloPeers peers, TaskMoves moves, IOptions<AnnouncementOptions> options, TimeProvider time, ILogger<SiloAnnouncer> logger)
    : ILifecycleParticipant<ISiloLifecycle>
{
    private readonly ConcurrentDictionary<string, SiloOutbox> _outboxes = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly CancellationTokenSource _end = new();
    private volatile bool _stopping;
    private Task _loop = Task.CompletedTask;

    /// <summary>Stops first and starts last: the silo must be able to call and be called.</summary>
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(nameof(SiloAnnouncer), ServiceLifecycleStage.Active + 1, StartAsync, StopAsync);

    /// <summary>Puts a new report on the own board and sends it to the others. Ends when they have it, at the latest after a period.</summary>
    /// <param name="cancellation">Waits no longer; the report goes out nevertheless once it is built.</param>
    public async Task AnnounceNowAsync(CancellationToken cancellation = default)
    {
        SiloReport report;
        await _turn.WaitAsync(cancellation);
        try
        {
            report = await reporter.BuildAsync(_stopping, cancellation);
            board.Receive(report);
        }
        finally
        {
            _turn.Release();
        }

        IReadOnlySet<string> members = peers.Members;
        board.Keep(members);
        foreach (string gone in _outboxes.Keys.Where(silo => !members.Contains(silo)))
            _outboxes.TryRemove(gone, out _);
        Task sent = Task.WhenAll(peers.Active.Select(silo => _outboxes.GetOrAdd(silo, to => new SiloOutbox(each => peers.AnnounceAsync(to, each))).SendAsync(report)));
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        await Task.WhenAny(sent, Task.Delay(options.Value.Period, time, over.Token));
        await over.CancelAsync();
    }

    internal async Task StartAsync(CancellationToken cancellation)
    {
        await AnnounceNowAsync(cancellation);
        _loop = Task.Run(LoopAsync, CancellationToken.None);
    }

    /// <summary>Nobody routes to the silo any more, its task grains go elsewhere as they become idle, and only then it stops.</summary>
    internal async Task StopAsync(CancellationToken cancellation)
    {
        _stopping = true;
        try
        {
            cancellation.ThrowIfCancellationRequested();
            await AnnounceNowAsync(cancellation);
            await moves.DrainAsync(cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The silo must go now; the answers of its task grains go on elsewhere.
        }
        finally
        {
            await _end.CancelAsync();
            await _loop;
        }
    }

    private async Task LoopAsync()
    {
        using var timer = new PeriodicTimer(options.Value.Period, time);
        try
        {
            while (await timer.WaitForNextTickAsync(_end.Token))
            {
                try
                {
                    await AnnounceNowAsync(_end.Token);
                    if (!_stopping && board.Find(peers.Self) is { } own)
                    {
                        moves.LeaveBanks(own);
                        moves.Relieve(own);
                    }
                }
                catch (Exception problem) when (problem is not OperationCanceledException)
                {
                    LogFailure(logger, problem);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The silo has stopped.
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "This silo could not announce itself; it tries again.")]
    private static partial void LogFailure(ILogger logger, Exception problem);
}
