using Microsoft.Extensions.Hosting;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;

namespace MoeLora.Grid.Hosting;

/// <summary>
/// Keeps the board of a client, to which no silo reports: it asks one that it is connected to who is there, and every second time also what all say of themselves. One
/// that does not answer soon is not waited for: another grain is asked, and with it, where there is one, another silo.
/// </summary>
internal sealed class BoardRefresh(IGrainFactory grains, SiloBoard board, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestQuestion = TimeSpan.FromSeconds(1);

    private long _asked;
    private bool _asksReports = true;

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
            IBoardGrain asked = grains.GetGrain<IBoardGrain>(_asked);
            if (_asksReports)
            {
                foreach (SiloReport report in await asked.ReportsAsync().WaitAsync(LongestQuestion, time, cancellation))
                    board.Receive(report);
            }

            // By membership: a silo that has just joined has not heard of all others yet.
            board.Keep((await asked.MembersAsync().WaitAsync(LongestQuestion, time, cancellation)).ToHashSet(StringComparer.Ordinal));
            _asksReports = !_asksReports;
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            // What the board says stays, and requests find out for themselves.
            _asked++;
        }
    }
}
