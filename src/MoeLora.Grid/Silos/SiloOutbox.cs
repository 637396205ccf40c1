using MoeLora.Grid.Messages;

namespace MoeLora.Grid.Silos;

/// <summary>What one silo is still to be told: only the newest report, and one at a time, so that a slow silo delays nobody and nothing piles up for it.</summary>
internal sealed class SiloOutbox(Func<SiloReport, Task> send)
{
    private readonly Lock _lock = new();
    private SiloReport? _next;
    private Task? _sending;

    /// <summary>Ends when this report, or a newer one, has been sent or could not be. Never throws: the next report follows anyway.</summary>
    public Task SendAsync(SiloReport report)
    {
        lock (_lock)
        {
            if (_next is null || _next.Number < report.Number)
                _next = report;
            return _sending ??= Task.Run(SendAllAsync);
        }
    }

    private async Task SendAllAsync()
    {
        while (true)
        {
            SiloReport? report;
            lock (_lock)
            {
                report = _next;
                _next = null;
                if (report is null)
                {
                    _sending = null;
                    return;
                }
            }

            try
            {
                await send(report);
            }
            catch (Exception)
            {
                // The silo is gone, or not there yet: membership says which, and a later report finds it if it is there.
            }
        }
    }
}
