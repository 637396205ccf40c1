using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace MoeLora.Silo.Tests.Collecting;

/// <summary>A span as it arrived.</summary>
/// <param name="Process">Whose it is: <c>service.instance.id</c>.</param>
/// <param name="Source">The source that made it.</param>
/// <param name="Name">Its name.</param>
/// <param name="Kind">1 internal, 2 server, 3 client (opentelemetry-proto, trace.proto).</param>
/// <param name="Trace">The trace's id.</param>
/// <param name="Id">Its id.</param>
/// <param name="Parent">Its parent's id; empty for none.</param>
internal sealed record Span(string Process, string Source, string Name, ulong Kind, string Trace, string Id, string Parent);

/// <summary>Takes what silos send by OTLP over HTTP.</summary>
internal sealed class Collector : IAsyncDisposable
{
    private readonly WebApplication _server;
    private readonly ConcurrentQueue<Span> _spans = [];
    private readonly ConcurrentDictionary<(string Process, string Name), byte> _instruments = [];

    private Collector(WebApplication server) => _server = server;

    public Uri Address => new(_server.Urls.Single());

    public IReadOnlyCollection<Span> Spans => _spans;

    /// <summary>Names of instruments, by process.</summary>
    public ICollection<(string Process, string Name)> Instruments => _instruments.Keys;

    public static async Task<Collector> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var collector = new Collector(builder.Build());
        collector._server.MapPost("/v1/traces", request => ReadAsync(request, collector.TakeSpans));
        collector._server.MapPost("/v1/metrics", request => ReadAsync(request, collector.TakeInstruments));
        await collector._server.StartAsync();
        return collector;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private static async Task ReadAsync(HttpContext context, Action<ProtoFields> take)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        take(new ProtoFields(body.ToArray()));
    }

    private void TakeSpans(ProtoFields export)
    {
        foreach (ProtoFields resource in export.Messages(1))
        {
            foreach ((string source, ProtoFields span) in resource.Messages(2).SelectMany(scope => scope.Messages(2).Select(span => (scope.Messages(1).First().Text(1), span))))
                _spans.Enqueue(new Span(Process(resource), source, span.Text(5), span.Number(6), Hex(span, 1), Hex(span, 2), Hex(span, 4)));
        }
    }

    private void TakeInstruments(ProtoFields export)
    {
        foreach (ProtoFields resource in export.Messages(1))
        {
            foreach (ProtoFields metric in resource.Messages(2).SelectMany(scope => scope.Messages(2)))
                _instruments[(Process(resource), metric.Text(1))] = 0;
        }
    }

    private static string Process(ProtoFields resource) =>
        resource.Messages(1).SelectMany(each => each.Messages(1)).Where(attribute => attribute.Text(1) == "service.instance.id").Select(attribute => attribute.Messages(2).First().Text(1)).FirstOrDefault("");

    private static string Hex(ProtoFields span, int field) => Convert.ToHexStringLower(span.Pieces(field).LastOrDefault().Span);
}
