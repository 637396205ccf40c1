using MoeLora.Contracts;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace MoeLora.Gateway.Metrics;

/// <summary>Sends our spans and instruments to a collector, when one is configured.</summary>
internal sealed class OtlpExport : IAsyncDisposable
{
    private readonly TracerProvider? _traces;
    private readonly MeterProvider? _metrics;

    /// <param name="endpoint">The collector's address without a path; null sends nothing.</param>
    /// <param name="parts">Names further meters and sources.</param>
    public OtlpExport(Uri? endpoint, GatewayParts parts)
    {
        if (endpoint is null)
            return;
        ResourceBuilder resource = ResourceBuilder.CreateEmpty().AddService(
            "moelora", serviceVersion: typeof(OtlpExport).Assembly.GetName().Version?.ToString(), autoGenerateServiceInstanceId: parts.Name is null, serviceInstanceId: parts.Name);
        _traces = Sdk.CreateTracerProviderBuilder()
            .SetResourceBuilder(resource)
            .AddSource([Telemetry.ActivitySource, .. parts.ActivitySources])
            .SetSampler(new AnswerSampler())
            .AddOtlpExporter(exporter => Configure(exporter, endpoint, "v1/traces"))
            .Build();
        _metrics = Sdk.CreateMeterProviderBuilder()
            .SetResourceBuilder(resource)
            .AddMeter([Telemetry.MeterPrefix + "*", .. parts.Meters.Select(prefix => prefix + "*")])
            .AddOtlpExporter(exporter => Configure(exporter, endpoint, "v1/metrics"))
            .Build();
    }

    /// <summary>Sends what is left.</summary>
    public ValueTask DisposeAsync()
    {
        _traces?.Dispose();
        _metrics?.Dispose();
        return default;
    }

    private static void Configure(OtlpExporterOptions exporter, Uri endpoint, string path)
    {
        exporter.Protocol = OtlpExportProtocol.HttpProtobuf;
        exporter.Endpoint = new Uri(new Uri(endpoint.AbsoluteUri.TrimEnd('/') + "/"), path);
    }
}
