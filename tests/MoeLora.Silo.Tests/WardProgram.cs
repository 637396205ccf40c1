using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace MoeLora.Silo.Tests;

/// <summary>The example of a hospital's own service as a process, and HTTP to it.</summary>
internal sealed class WardProgram : IAsyncDisposable
{
    // It only ends a test that has failed anyway.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly Process _process;
    private readonly HttpClient _http = new() { Timeout = Patience };
    private readonly ConcurrentQueue<string> _log = [];
    private Task _reading = Task.CompletedTask;

    private WardProgram(Process process) => _process = process;

    /// <param name="database">Where the cluster's members are.</param>
    public static async Task<WardProgram> StartAsync(string database)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true };
        foreach (string argument in new[] { Path.Combine(AppContext.BaseDirectory, "ward-service.dll"), "--database", database, "--urls", "http://127.0.0.1:0" })
            start.ArgumentList.Add(argument);
        var ward = new WardProgram(Process.Start(start)!);
        try
        {
            await ward.UntilItAnswersAsync();
            return ward;
        }
        catch
        {
            await ward.DisposeAsync(); // a process outlives whoever forgets it
            throw;
        }
    }

    /// <summary>Asks something that is answered at once; it must be.</summary>
    public async Task<JsonNode> AskAsync(string path, string text)
    {
        using HttpResponseMessage response = await _http.PostAsJsonAsync(path, new { text });
        Assert.True(response.IsSuccessStatusCode, $"{path}: {response.StatusCode}: {string.Join('\n', _log)}");
        return JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
    }

    /// <summary>Asks for a report; returns when it begins.</summary>
    public async Task<WardReport> BeginAsync(string dialogue)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/report") { Content = JsonContent.Create(new { text = dialogue }) };
        HttpResponseMessage response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.True(response.IsSuccessStatusCode, $"/report: {response.StatusCode}: {string.Join('\n', _log)}");
        return new WardReport(dialogue, response);
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        _process.Kill();
        await _process.WaitForExitAsync();
        await _reading;
        _process.Dispose();
    }

    private async Task UntilItAnswersAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        while (await _process.StandardOutput.ReadLineAsync(patience.Token) is { } line)
        {
            _log.Enqueue(line);
            const string Listening = "Now listening on: ";
            if (line.IndexOf(Listening, StringComparison.Ordinal) is >= 0 and var at)
            {
                _http.BaseAddress = new Uri(line[(at + Listening.Length)..]);
                _reading = ReadLogAsync(); // so that it does not fill the pipe
                return;
            }
        }

        throw new InvalidOperationException($"The service ended: {string.Join('\n', _log)}");
    }

    private async Task ReadLogAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
            _log.Enqueue(line);
    }
}

/// <summary>A report as it arrives.</summary>
internal sealed class WardReport(string dialogue, HttpResponseMessage response)
{
    private readonly Task<string> _text = response.Content.ReadAsStringAsync();

    public string Dialogue => dialogue;

    /// <summary>The version that it was said to be of when it began.</summary>
    public string Version { get; } = response.Headers.GetValues("X-Adapter-Version").Single();

    /// <summary>The silo that began it.</summary>
    public string Silo { get; } = response.Headers.GetValues("X-Silo").Single();

    public Task<string> ReadToEndAsync() => _text;
}
