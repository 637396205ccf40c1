using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using MoeLora.Contracts;

namespace MoeLora.Gateway.Metrics;

/// <summary>
/// Keeps the present values of all instruments of all meters whose names begin with <see cref="Telemetry.MeterPrefix"/>, or as it is told, each with a
/// bounded number of series.
/// </summary>
internal sealed class SeriesCollector : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, Family> _families = new();
    private readonly MeterListener _listener = new();
    private readonly Lock _reading = new();

    /// <param name="maxSeries">Most series of an instrument.</param>
    /// <param name="meters">How the names of further meters begin; null for none.</param>
    public SeriesCollector(int maxSeries, IReadOnlyList<string>? meters = null)
    {
        string[] prefixes = [Telemetry.MeterPrefix, .. meters ?? []];
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (prefixes.Any(prefix => instrument.Meter.Name.StartsWith(prefix, StringComparison.Ordinal)))
                listener.EnableMeasurementEvents(instrument, _families.GetOrAdd(instrument.Name, static (_, of) => new Family(of.instrument, of.maxSeries), (instrument, maxSeries)));
        };
        _listener.SetMeasurementEventCallback<double>(static (_, value, tags, family) => ((Family)family!).Record(value, tags));
        _listener.SetMeasurementEventCallback<float>(static (_, value, tags, family) => ((Family)family!).Record(value, tags));
        _listener.SetMeasurementEventCallback<decimal>(static (_, value, tags, family) => ((Family)family!).Record((double)value, tags));
        _listener.SetMeasurementEventCallback<long>(static (_, value, tags, family) => ((Family)family!).Record(value, tags));
        _listener.SetMeasurementEventCallback<int>(static (_, value, tags, family) => ((Family)family!).Record(value, tags));
        _listener.SetMeasurementEventCallback<short>(static (_, value, tags, family) => ((Family)family!).Record(value, tags));
        _listener.SetMeasurementEventCallback<byte>(static (_, value, tags, family) => ((Family)family!).Record(value, tags));
        _listener.Start();
    }

    /// <summary>Asks observable instruments, then shows all by name. One reader at a time.</summary>
    public T Read<T>(Func<IEnumerable<Family>, T> read)
    {
        lock (_reading)
        {
            foreach (Family family in _families.Values)
                family.ForgetObserved();
            _listener.RecordObservableInstruments();
            return read(_families.Values.OrderBy(family => family.Name, StringComparer.Ordinal));
        }
    }

    public ValueTask DisposeAsync()
    {
        _listener.Dispose();
        return default;
    }
}
