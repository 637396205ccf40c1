using Microsoft.Extensions.Hosting;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;

namespace MoeLora.Grid.Hosting;

/// <summary>Keeps the board of a client, to which no silo reports: it asks the one that it is connected to.</summary>
internal sealed class BoardRefresh(IGrainFactory grains, SiloBoard board, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(500);

    /// <summary>The application starts with a board, where silos say anything yet.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await RefreshAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                await RefreshAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    private async Task RefreshAsync(CancellationToken cancellation)
    {
        try
        {
            SiloReport[] reports = await grains.GetGrain<IBoardGrain>(0).ReportsAsync().WaitAsync(cancellation);
            foreach (SiloReport report in reports)
                board.Receive(report);
            board.Keep(reports.Select(report => report.Silo).ToHashSet(StringComparer.Ordinal));
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            // No silo can be reached now. What the board says stays, and requests find out for themselves.
        }
    }
}
