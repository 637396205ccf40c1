using System.IO.Pipelines;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using MoeLora.Adapters.Bundles;

namespace MoeLora.Cli.Administration;

/// <summary>A node's administration API, as far as the program uses it.</summary>
internal sealed class AdminClient : IDisposable
{
    private readonly HttpClient _http;
    private readonly Uri _node;

    public AdminClient(Uri node, string key)
    {
        _node = node;
        // Publishing a large bundle and proving it take their time.
        _http = new HttpClient { BaseAddress = node, Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
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
            throw new CommandException($"cannot reach {_node.GetLeftPart(UriPartial.Authority)}: {e.Message} Is the node running, and is this its administration address?");
        }
        catch (JsonException)
        {
            throw new CommandException($"{_node.GetLeftPart(UriPartial.Authority)} did not answer as a node does; is this its administration address?");
        }
    }
}
