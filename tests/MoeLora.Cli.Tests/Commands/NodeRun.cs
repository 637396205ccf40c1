using System.Text.RegularExpressions;
using MoeLora.Cli.Terminals;

namespace MoeLora.Cli.Tests.Commands;

/// <summary>A node in this process, from its announcement to its end.</summary>
internal sealed class NodeRun(Task<int> run, CancellationTokenSource stop, string announcement) : IAsyncDisposable
{
    public string Announcement { get; } = announcement;

    public string? FirstKeyFile { get; } = Regex.Match(announcement, "key is in (.+?);") is { Success: true } file ? file.Groups[1].Value : null;

    public string? FirstKey => FirstKeyFile is null ? null : File.ReadAllText(FirstKeyFile).Trim();

    public string Inference { get; } = Regex.Matches(announcement, @"https?://127\.0\.0\.1:\d+")[0].Value;

    public string Administration { get; } = Regex.Matches(announcement, @"https?://127\.0\.0\.1:\d+")[1].Value;

    public static async Task<NodeRun> StartAsync(string config)
    {
        var output = new LineChannel();
        var error = new StringWriter();
        var stop = new CancellationTokenSource();
        Task<int> run = MoeLoraProgram.RunAsync(["serve", "--config", config], new Terminal { Out = output, Error = error }, stop.Token);
        string text = "";
        while (!text.Contains("answers on"))
        {
            Task<string> line = output.ReadAsync();
            if (await Task.WhenAny(line, run) == run)
                Assert.Fail($"The node ended: {error}");
            text += await line + "\n";
        }

        return new NodeRun(run, stop, text);
    }

    public async Task<int> StopAsync()
    {
        await stop.CancelAsync();
        return await run;
    }

    public async ValueTask DisposeAsync() => await StopAsync();
}
