using System.Globalization;
using System.IO.Pipelines;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Security;
using System.Text.Json;
using System.Text.Json.Nodes;
using MoeLora.Adapters.Bundles;

namespace MoeLora.Cli.Administration;

/// <summary>A node's administration API, as far as the program uses it.</summary>
internal sealed class AdminClient : IDisposable
{
    private static readonly TimeSpan WaitInterval = TimeSpan.FromMilliseconds(250);

    private readonly HttpClient _http;
    private readonly Uri _node;

    /// <param name="node">Its administration address.</param>
    /// <param name="key">An API key of an operator or admin.</param>
    /// <param name="tls">What proves either side; null for what the machine trusts, and no certificate of ours.</param>
    public AdminClient(Uri node, string key, SslClientAuthenticationOptions? tls = null)
    {
        _node = node;
        // Publishing a large bundle and proving it take their time.
        var handler = new SocketsHttpHandler();
        if (tls is not null)
            handler.SslOptions = tls;
        _http = new HttpClient(handler) { BaseAddress = node, Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
    }

    /// <summary>Waits until the node says that it is ready.</summary>
    /// <exception cref="CommandException">It was not within that time; the message has its last answer.</exception>
    public async Task WaitAsync(TimeSpan most, CancellationToken cancellation)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        both.CancelAfter(most);
        string last = "it did not answer";
        try
        {
            while (true)
            {
                try
                {
                    using HttpResponseMessage response = await _http.GetAsync("/readyz", both.Token);
                    if (response.IsSuccessStatusCode)
                        return;
                    last = await response.Content.ReadAsStringAsync(both.Token);
                }
                catch (HttpRequestException e) when (e.HttpRequestError != HttpRequestError.SecureConnectionError)
                {
                    last = e.Message;
                }

                await Task.Delay(WaitInterval, both.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new CommandException(string.Create(CultureInfo.InvariantCulture, $"{_node.GetLeftPart(UriPartial.Authority)} was not ready within {most.TotalSeconds} s: {last}"));
        }
        catch (HttpRequestException e)
        {
            throw Unreachable(e); // a certificate does not mend itself
        }
    }

    public Task<JsonObject> GetAsync(string path, CancellationToken cancellation) => SendAsync(new HttpRequestMessage(HttpMethod.Get, path), cancellation);

    public Task<JsonObject> PostAsync(string path, JsonObject? body, CancellationToken cancellation) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Post, path) { Content = body is null ? null : JsonContent.Create(body) }, cancellation);

    public Task<JsonObject> PutAsync(string path, JsonObject body, CancellationToken cancellation) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Put, path) { Content = JsonContent.Create(body) }, cancellation);

    public Task<JsonObject> DeleteAsync(string path, CancellationToken cancellation) => SendAsync(new HttpRequestMessage(HttpMethod.Delete, path), cancellation);

    /// <summary>Sends a bundle as it is packed, without a copy of it.</summary>
    public async Task<JsonObject> PublishAsync(AdapterBundle bundle, CancellationToken cancellation)
    {
        var pipe = new Pipe();
        Task packing = Task.Run(
            async () =>
            {
                Exception? failure = null;
                try
                {
                    await BundleArchive.PackAsync(bundle, pipe.Writer.AsStream(leaveOpen: true), cancellation);
                }
                catch (Exception e)
                {
                    failure = e;
                }

                await pipe.Writer.CompleteAsync(failure);
            },
            cancellation);
        var content = new StreamContent(pipe.Reader.AsStream());
        content.Headers.ContentType = new MediaTypeHeaderValue("application/zip");
        JsonObject answer = await SendAsync(new HttpRequestMessage(HttpMethod.Post, "/admin/v1/bundles") { Content = content }, cancellation);
        await packing;
        return answer;
    }

    public void Dispose() => _http.Dispose();

    private async Task<JsonObject> SendAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        try
        {
            using HttpResponseMessage response = await _http.SendAsync(request, cancellation);
            var answer = await response.Content.ReadFromJsonAsync<JsonObject>(cancellation) ?? [];
            if (response.IsSuccessStatusCode)
                return answer;
            throw new CommandException($"{_node.GetLeftPart(UriPartial.Authority)} answered {(int)response.StatusCode}: {answer["error"]?["message"]?.GetValue<string>() ?? "no reason given"}");
        }
        catch (HttpRequestException e)
        {
            throw Unreachable(e);
        }
        catch (JsonException)
        {
            throw new CommandException($"{_node.GetLeftPart(UriPartial.Authority)} did not answer as a node does; is this its administration address?");
        }
    }

    private CommandException Unreachable(HttpRequestException e) => new(e.HttpRequestError == HttpRequestError.SecureConnectionError
        ? $"cannot reach {_node.GetLeftPart(UriPartial.Authority)}: {e.InnerException?.Message ?? e.Message} See --ca, and --client-cert and --client-key where the node asks for a certificate."
        : $"cannot reach {_node.GetLeftPart(UriPartial.Authority)}: {e.Message} Is the node running (--wait SECONDS waits for it), and is this its administration address?");
}
