using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using MoeLora.Gateway.Http;

namespace MoeLora.Gateway.Answers;

/// <summary>Server-sent events on a response: <c>data: {json}</c> and an empty line each. Owned by one request.</summary>
internal sealed class EventStream(HttpContext context) : IDisposable
{
    private static readonly JsonWriterOptions Options = new() { Encoder = GatewayJson.Readable.Options.Encoder, SkipValidation = true };

    private readonly PipeWriter _output = context.Response.BodyWriter;
    private Utf8JsonWriter? _json;

    /// <summary>Whether the status is sent.</summary>
    public bool Begun { get; private set; }

    /// <summary>Sends the status and headers, once.</summary>
    public Task BeginAsync(CancellationToken cancellation)
    {
        if (Begun)
            return Task.CompletedTask;
        Begun = true;
        context.Response.ContentType = "text/event-stream; charset=utf-8";
        context.Response.Headers.CacheControl = "no-cache";
        context.Response.Headers["X-Accel-Buffering"] = "no"; // asks proxies to pass each event on at once
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        return context.Response.StartAsync(cancellation);
    }

    /// <summary>Adds an event to what the next flush sends.</summary>
    public void Write<T>(T value, JsonTypeInfo<T> type)
    {
        _output.Write("data: "u8);
        if (_json is null)
            _json = new Utf8JsonWriter(_output, Options);
        else
            _json.Reset();
        JsonSerializer.Serialize(_json, value, type);
        _json.Flush();
        _output.Write("\n\n"u8);
    }

    /// <summary>Adds the event that says: all is there.</summary>
    public void WriteDone() => _output.Write("data: [DONE]\n\n"u8);

    public ValueTask<FlushResult> FlushAsync(CancellationToken cancellation) => _output.FlushAsync(cancellation);

    public void Dispose() => _json?.Dispose();
}
