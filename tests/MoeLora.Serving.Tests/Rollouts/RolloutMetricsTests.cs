using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Serving.Rollouts;
using MoeLora.Serving.Tests.Databases;

namespace MoeLora.Serving.Tests.Rollouts;

public sealed class RolloutMetricsTests : IDisposable
{
    // Listeners see every meter of the process, and tests run at once: this bank is this test's.
    private readonly string _bank = $"b{Guid.NewGuid():n}"[..20];
    private readonly ConcurrentQueue<(string Name, string Version, double Seconds)> _seen = [];
    private readonly MeterListener _listener = new();

    public RolloutMetricsTests()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == Telemetry.ServingMeter)
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) =>
        {
            Dictionary<string, object?> by = new(tags.ToArray());
            if (_bank.Equals(by.GetValueOrDefault(Telemetry.BankTag)))
                _seen.Enqueue((instrument.Name, (string)by[Telemetry.VersionTag]!, value));
        });
        _listener.Start();
    }

    public void Dispose() => _listener.Dispose();

    [Fact]
    public async Task Upgrade_IsMeasuredFromLoadToDrain()
    {
        await using TestNode node = await TestNode.StartAsync(DatabaseKind.Sqlite, new RolloutOptions { KeepPrevious = false });
        await ServeAsync(node, "1");
        await node.PublishAsync("2", _bank);
        Assert.True(node.Admit($"{_bank}/triage").TryGet(out RoutedRequest? running, out _));
        TaskCompletionSource loading = node.Host.Hold($"{_bank}@2");
        Task<AdapterVersionStatus> activation = node.DoAsync(new ActivateVersion(_bank, "2"));
        await node.Host.ArrivalAsync($"{_bank}@2");
        node.Time.Advance(TimeSpan.FromSeconds(3));
        loading.SetResult();
        await activation;
        await node.AdvanceAsync(TimeSpan.FromSeconds(5));
        Assert.DoesNotContain(_seen, each => each.Name == Telemetry.DrainTime);

        running.Pin.Dispose();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        while ((await node.StatusAsync("1", _bank)).State != RolloutState.Retired)
            await Task.Delay(1, limit.Token);

        Assert.Equal(
            [
                (Telemetry.LoadTime, "1", 0.0),
                (Telemetry.SwapTime, "1", 0.0),
                (Telemetry.LoadTime, "2", 3.0),
                (Telemetry.SwapTime, "2", 0.0),
                (Telemetry.DrainTime, "1", 5.0),
            ],
            _seen.Select(each => (each.Name, each.Version, Math.Round(each.Seconds, 3)))); // the clock moves on by a tick whenever it is asked
    }

    [Fact]
    public async Task Load_ThatIsRefused_IsNotMeasured()
    {
        await using TestNode node = await TestNode.StartAsync(DatabaseKind.Sqlite);
        node.Host.Refused[$"{_bank}@1"] = "It is NaN.";
        await node.PublishAsync("1", _bank);
        await node.RefusedAsync(new ActivateVersion(_bank, "1"));
        Assert.Empty(_seen);
    }

    [Fact]
    public async Task Rollback_IsASwap()
    {
        await using TestNode node = await TestNode.StartAsync(DatabaseKind.Sqlite);
        await ServeAsync(node, "1");
        await ServeAsync(node, "2");
        await node.DoAsync(new RollBack(_bank));
        Assert.Equal(["1", "2", "1"], _seen.Where(each => each.Name == Telemetry.SwapTime).Select(each => each.Version));
    }

    private async Task ServeAsync(TestNode node, string version)
    {
        await node.PublishAsync(version, _bank);
        await node.DoAsync(new ActivateVersion(_bank, version));
    }
}
