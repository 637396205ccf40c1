using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;

namespace MoeLora.Silo.Tests;

/// <summary>A silo as a process of its own, and HTTP to it.</summary>
internal sealed class SiloProgram : IAsyncDisposable
{
    private const string KeyFile = "/first-admin-key";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Process _process;
    private readonly StringBuilder _errors = new();
    private readonly HttpClient _http = new() { Timeout = Patience };

    private SiloProgram(Process process)
    {
        _process = process;
        process.ErrorDataReceived += (_, line) =>
        {
            lock (_errors)
                _errors.AppendLine(line.Data);
        };
        process.BeginErrorReadLine();
    }

    /// <summary>The first admin's key, where this silo was the one that made it.</summary>
    public string? FirstKey { get; private set; }

    public Uri Public { get; private set; } = null!;

    public Uri Administration { get; private set; } = null!;

    public static async Task<SiloProgram> StartAsync(string config)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(typeof(Program).Assembly.Location);
        start.ArgumentList.Add("--config");
        start.ArgumentList.Add(config);
        var silo = new SiloProgram(Process.Start(start)!);
        using var patience = new CancellationTokenSource(Patience);
        while (await silo._process.StandardOutput.ReadLineAsync(patience.Token) is { } line)
        {
            if (line.IndexOf(KeyFile, StringComparison.Ordinal) is > 0 and var end)
            {
                string file = line[(line.LastIndexOf(' ', end) + 1)..(end + KeyFile.Length)];
                silo.FirstKey = (await File.ReadAllTextAsync(file, patience.Token)).Trim();
            }

            string[] addresses = [.. line.Split(' ', ',', ';').Where(word => word.StartsWith("http", StringComparison.Ordinal))];
            if (addresses.Length != 2)
                continue;
            (silo.Public, silo.Administration) = (new Uri(addresses[0]), new Uri(addresses[1]));
            return silo;
        }

        lock (silo._errors)
            throw new InvalidOperationException($"The silo ended: {silo._errors}");
    }

    public async Task<(int Status, string Body)> SendAsync(HttpMethod method, Uri address, AuthenticationHeaderValue? key, HttpContent? content = null)
    {
        using var request = new HttpRequestMessage(method, address) { Content = content };
        request.Headers.Authorization = key;
        using HttpResponseMessage response = await _http.SendAsync(request);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
