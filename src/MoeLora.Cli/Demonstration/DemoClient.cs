using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using MoeLora.Training.Records;

namespace MoeLora.Cli.Demonstration;

/// <summary>An answer as it came over HTTP.</summary>
/// <param name="Text">The answer.</param>
/// <param name="Adapter">The content hash of the bundle that gave it.</param>
internal sealed record DemoAnswer(string Text, string Adapter);

/// <summary>What a hospital's application would do: asks tasks over HTTP.</summary>
internal sealed class DemoClient : IDisposable
{
    /// <summary>The most tokens of an answer, as in the paper.</summary>
    public const int MaxTokens = 196;

    private readonly HttpClient _http;

    public DemoClient(string address, string key)
    {
        _http = new HttpClient { BaseAddress = new Uri(address), Timeout = TimeSpan.FromMinutes(5) };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
    }

    /// <summary>Asks a record's task its prompt, greedily.</summary>
    /// <exception cref="CommandException">The server refused, with a reason.</exception>
    public async Task<DemoAnswer> AskAsync(PromptRecord record, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await _http.PostAsJsonAsync(
            "/v1/completions", new { model = record.TaskDataset, prompt = record.Input, max_tokens = MaxTokens, temperature = 0 }, cancellation);
        JsonElement body = await response.Content.ReadFromJsonAsync<JsonElement>(cancellation);
        if (!response.IsSuccessStatusCode)
            throw new CommandException($"The server answered {(int)response.StatusCode}: {body.GetProperty("error").GetProperty("message").GetString()}");
        return new DemoAnswer(
            body.GetProperty("choices")[0].GetProperty("text").GetString()!, body.GetProperty("provenance").GetProperty("adapter_hash").GetString()!);
    }

    public void Dispose() => _http.Dispose();
}
