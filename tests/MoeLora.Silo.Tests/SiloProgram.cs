using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;

namespace MoeLora.Silo.Tests;

/// <summary>A silo as a process of its own, and HTTP to it.</summary>
internal sealed class SiloProgram : IAsyncDisposable
{
    private const string KeyFile = "/first-admin-key";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5); // only a failure waits that long

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

    /// <param name="config">Its configuration.</param>
    /// <param name="environment">Variables besides this process's own.</param>
    /// <param name="cancellation">Waits no longer for it to answer, and ends it.</param>
    public static async Task<SiloProgram> StartAsync(string config, IEnumerable<(string Name, string Value)>? environment = null, CancellationToken cancellation = default)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(typeof(Program).Assembly.Location);
        start.ArgumentList.Add("--config");
        start.ArgumentList.Add(config);
        foreach ((string name, string value) in environment ?? [])
            start.Environment[name] = value;
        var silo = new SiloProgram(Process.Start(start)!);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(Patience);
        try
        {
            await silo.UntilItAnswersAsync(patience.Token);
            return silo;
        }
        catch
        {
            await silo.DisposeAsync(); // a process outlives whoever forgets it
            throw;
        }
    }

    private async Task UntilItAnswersAsync(CancellationToken cancellation)
    {
        while (await _process.StandardOutput.ReadLineAsync(cancellation) is { } line)
        {
            if (line.IndexOf(KeyFile, StringComparison.Ordinal) is > 0 and var end)
            {
                string file = line[(line.LastIndexOf(' ', end) + 1)..(end + KeyFile.Length)];
                FirstKey = (await File.ReadAllTextAsync(file, cancellation)).Trim();
            }

            string[] addresses = [.. line.Split(' ', ',', ';').Where(word => word.StartsWith("http", StringComparison.Ordinal))];
            if (addresses.Length != 2)
                continue;
            (Public, Administration) = (new Uri(addresses[0]), new Uri(addresses[1]));
            return;
        }

        await _process.WaitForExitAsync(cancellation); // all that it said is here then
        lock (_errors)
            throw new InvalidOperationException($"The silo ended with {_process.ExitCode}: {_errors}");
    }

    public async Task<(int Status, string Body)> SendAsync(HttpMethod method, Uri address, AuthenticationHeaderValue? key, HttpContent? content = null)
    {
        using var request = new HttpRequestMessage(method, address) { Content = content };
        request.Headers.Authorization = key;
        using HttpResponseMessage response = await _http.SendAsync(request);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    /// <summary>SIGKILL: nothing of it gets to do anything more.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await KillAsync();
        _process.Dispose();
    }
}
