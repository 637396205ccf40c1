using System.Diagnostics.Metrics;
using MoeLora.Contracts;
using MoeLora.Engine.Batching;

namespace MoeLora.Serving.Bases;

/// <summary>What an engine measures, under the names of <see cref="Telemetry"/>, by base model and device.</summary>
internal sealed class EngineMetrics : IDisposable
{
    private readonly Meter _meter = new(Telemetry.EngineMeter);
    private readonly KeyValuePair<string, object?>[] _tags;
    private readonly Histogram<double> _step;

    /// <param name="baseModel">The base model's name.</param>
    /// <param name="device">The device's name.</param>
    public EngineMetrics(string baseModel, string device)
    {
        _tags = [new(Telemetry.BaseModelTag, baseModel), new(Telemetry.DeviceTag, device)];
        _step = _meter.CreateHistogram<double>(Telemetry.StepTime, "s", "One step of the engine.");
    }

    /// <summary>Shows an engine's present state whenever somebody asks.</summary>
    public void Watch(BatchEngine engine)
    {
        Gauge(Telemetry.KvBlocks, "Key/value blocks.", statistics => statistics.Blocks);
        Gauge(Telemetry.KvBlocksUsed, "Key/value blocks in use.", statistics => statistics.UsedBlocks);
        Gauge(Telemetry.EngineRunning, "Sequences in the batch.", statistics => statistics.Running);
        Gauge(Telemetry.EngineWaiting, "Requests that wait.", statistics => statistics.Waiting);
        _meter.CreateObservableCounter(
            Telemetry.Preemptions, () => new Measurement<long>(engine.Statistics.Preemptions, _tags), null, "Requests that had to make room for others.");

        void Gauge(string name, string description, Func<EngineStatistics, int> value) =>
            _meter.CreateObservableGauge(name, () => new Measurement<int>(value(engine.Statistics), _tags), null, description);
    }

    /// <summary>Counts a step. Called on the model's thread: allocates nothing.</summary>
    public void Step(TimeSpan time) => _step.Record(time.TotalSeconds, _tags);

    public void Dispose() => _meter.Dispose();
}
