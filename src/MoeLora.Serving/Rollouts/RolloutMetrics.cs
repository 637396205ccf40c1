using System.Diagnostics.Metrics;
using MoeLora.Contracts;

namespace MoeLora.Serving.Rollouts;

/// <summary>How long the steps of an upgrade take, under the names of <see cref="Telemetry"/>. Banks and versions are those of published bundles.</summary>
internal sealed class RolloutMetrics : IDisposable
{
    private readonly Meter _meter = new(Telemetry.ServingMeter);
    private readonly TimeProvider _time;
    private readonly Histogram<double> _load;
    private readonly Histogram<double> _swap;
    private readonly Histogram<double> _drain;

    public RolloutMetrics(TimeProvider time)
    {
        _time = time;
        _load = _meter.CreateHistogram<double>(Telemetry.LoadTime, "s", "Reading, loading and proving a version that became ready.");
        _swap = _meter.CreateHistogram<double>(Telemetry.SwapTime, "s", "From a version in memory to new requests on it: the alias written and shown.");
        _drain = _meter.CreateHistogram<double>(Telemetry.DrainTime, "s", "From a version's last new request to its last answer.");
    }

    /// <summary>The beginning of what is measured.</summary>
    public long Now => _time.GetTimestamp();

    public void Loaded(AdapterVersionKey version, long began) => Record(_load, version, began);

    public void Swapped(AdapterVersionKey version, long began) => Record(_swap, version, began);

    public void Drained(AdapterVersionKey version, long began) => Record(_drain, version, began);

    public void Dispose() => _meter.Dispose();

    private void Record(Histogram<double> times, AdapterVersionKey version, long began) => times.Record(
        _time.GetElapsedTime(began).TotalSeconds, new(Telemetry.BankTag, version.Bank.ToString()), new(Telemetry.VersionTag, version.Version.ToString()));
}
