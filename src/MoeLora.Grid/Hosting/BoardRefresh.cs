using Microsoft.Extensions.Hosting;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;

namespace MoeLora.Grid.Hosting;

/// <summary>
/// Keeps the board of a client, to which no silo reports: it asks one that it is connected to who is there, and every second time also what all say of themselves. One
/// that does not answer soon is not waited for: another grain is asked, and with it, where there is one, another silo.
/// </summary>
internal sealed class BoardRefresh(IGrainFactory grains, SiloBoard board, LivingGateways gateways, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestQuestion = TimeSpan.FromMilliseconds(500);

    private readonly Dictionary<string, string> _gatewayOf = new(StringComparer.Ordinal); // by silo
    private long _asked;
    private bool _asksReports = true;

    /// <summary>The application starts with a board: a request would be refused without one.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await RefreshAsync(cancellationToken);
        while (board.Reports.Count == 0)
        {
            await Task.Delay(Period, time, cancellationToken);
            await RefreshAsync(cancellationToken);
        }

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
                foreach (SiloReport report in await asked.ReportsAsync([.. board.KnownTasks]).WaitAsync(LongestQuestion, time, cancellation))
                    board.Receive(report);
            }

            // By membership: a silo that has just joined has not heard of all others yet.
            await KeepAsync((await asked.MembersAsync().WaitAsync(LongestQuestion, time, cancellation)).ToHashSet(StringComparer.Ordinal), cancellation);
            _asksReports = !_asksReports;
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            // What the board says stays, and requests find out for themselves.
            _asked++;
        }
    }

    /// <summary>Silos that have left are no way into the cluster any more, before answers that they gave go on elsewhere; what else went that way may be lost too.</summary>
    private async Task KeepAsync(HashSet<string> members, CancellationToken cancellation)
    {
        foreach (SiloReport report in board.Reports)
        {
            if (report.Gateway is { } gateway)
                _gatewayOf[report.Silo] = gateway;
        }

        HashSet<string> there = [.. _gatewayOf.Where(pair => members.Contains(pair.Key)).Select(pair => pair.Value)];
        // One that was killed comes back at the same place, as another silo.
        foreach (string silo in _gatewayOf.Keys.Where(silo => !members.Contains(silo) && there.Contains(_gatewayOf[silo])).ToArray())
            _gatewayOf.Remove(silo);
        bool isLost = gateways.LeaveOut(_gatewayOf.Where(pair => !members.Contains(pair.Key)).Select(pair => pair.Value).ToHashSet(StringComparer.Ordinal));
        if (isLost)
            await Task.Delay(LivingGateways.Period, time, cancellation); // Orleans asks once meanwhile
        board.Keep(members);
        if (isLost)
            board.Doubt();
    }
}
