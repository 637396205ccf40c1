using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using MoeLora.Contracts;
using MoeLora.Gateway.Hosting;

namespace MoeLora.Gateway.Tests;

/// <summary>The gateway on free ports of this machine, with everything that any logger writes. Without keys unless a test gives them.</summary>
internal sealed class GatewayHost : IAsyncDisposable
{
    private GatewayHost(GatewayServer server, LogCapture log)
    {
        Server = server;
        Log = log;
        Client = new HttpClient { BaseAddress = new Uri(server.Addresses.Single()), Timeout = TimeSpan.FromSeconds(30) };
        Admin = server.AdministrationAddresses.Count == 0
            ? null!
            : new HttpClient { BaseAddress = new Uri(server.AdministrationAddresses.Single()), Timeout = TimeSpan.FromSeconds(30) };
    }

    public GatewayServer Server { get; }

    public HttpClient Client { get; }

    /// <summary>Only where the test configured administration.</summary>
    public HttpClient Admin { get; }

    public LogCapture Log { get; }

    public static Task<GatewayHost> StartAsync(IModelGrid grid, Action<GatewayOptions>? configure = null) =>
        StartAsync(new GatewayParts { Grid = grid }, configure);

    public static async Task<GatewayHost> StartAsync(GatewayParts parts, Action<GatewayOptions>? configure = null)
    {
        var log = new LogCapture();
        var options = new GatewayOptions { AllowAnonymous = true, Public = new ListenerOptions { Urls = ["http://127.0.0.1:0"] } };
        configure?.Invoke(options);
        return new GatewayHost(await GatewayServer.StartAsync(parts, options, logging => logging.AddProvider(log).SetMinimumLevel(LogLevel.Trace)), log);
    }

    /// <summary>As <see cref="StartAsync(GatewayParts, Action{GatewayOptions})"/>, with administration and without anonymous callers.</summary>
    public static Task<GatewayHost> StartGuardedAsync(GatewayParts parts, Action<GatewayOptions>? configure = null) => StartAsync(parts, options =>
    {
        options.AllowAnonymous = false;
        options.Administration = new ListenerOptions { Urls = ["http://127.0.0.1:0"] };
        configure?.Invoke(options);
    });

    public Task<HttpResponseMessage> PostAsync(string json) => PostAsync(Encoding.UTF8.GetBytes(json));

    public Task<HttpResponseMessage> PostAsync(byte[] body, string contentType = "application/json", string path = "/v1/completions")
    {
        var content = new ByteArrayContent(body);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        return Client.PostAsync(path, content);
    }

    public Task<HttpResponseMessage> ChatAsync(string json) => PostAsync(Encoding.UTF8.GetBytes(json), path: "/v1/chat/completions");

    /// <summary>Sends and returns only when the headers are there, leaving the body to be read.</summary>
    public Task<HttpResponseMessage> PostStreamAsync(string json, CancellationToken cancellation = default)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = new StringContent(json, Encoding.UTF8, "application/json") };
        return Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
    }

    public static async Task<JsonElement> JsonAsync(HttpResponseMessage response) =>
        JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        Admin?.Dispose();
        await Server.DisposeAsync();
    }
}

/// <summary>Keeps every line of every logger, with exceptions' texts.</summary>
/// <param name="keepsScopes">Whether scopes' texts are kept too: there are some for each request, whatever its level.</param>
internal sealed class LogCapture(bool keepsScopes = true) : ILoggerProvider
{
    private readonly bool _keepsScopes = keepsScopes;
    private readonly ConcurrentQueue<string> _lines = new();

    public string Text => string.Join('\n', _lines);

    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    public void Dispose()
    {
    }

    private sealed class Logger(LogCapture capture, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
        {
            if (capture._keepsScopes)
                capture._lines.Enqueue($"{category} scope {state}");
            return null;
        }

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            capture._lines.Enqueue($"{logLevel} {category} {formatter(state, exception)} {exception}");
    }
}
