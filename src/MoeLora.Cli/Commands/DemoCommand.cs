using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using MoeLora.Cli.Demonstration;
using MoeLora.Cli.Hosting;
using MoeLora.Cli.Options;
using MoeLora.Cli.Terminals;
using MoeLora.Training.Records;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora demo</c>: a small trained model serves eight tasks and is upgraded while it answers.</summary>
internal sealed class DemoCommand : ProgramCommand
{
    private const string FreePort = "http://127.0.0.1:0";

    private readonly Terminal _terminal;
    private readonly Option<string> _files = new("--files")
    {
        Description = "Where base, v1, v2 and test.jsonl are; by default those that come with the program.",
        HelpName = "DIR",
        DefaultValueFactory = _ => DemoFiles.Bundled,
    };
    private readonly Option<string?> _url = new("--url") { Description = "The address to listen on; port 0 takes a free one. [default: http://127.0.0.1:8080, with --once a free port]", HelpName = "URL" };
    private readonly Option<string?> _adminUrl = new("--admin-url") { Description = "The administration's address. [default: http://127.0.0.1:8081, with --once a free port]", HelpName = "URL" };
    private readonly NumberOption _threads = ModelOptions.Threads();
    private readonly Option<bool> _once = new("--once") { Description = "Stop after the report instead of serving on." };
    private readonly JsonOption _json = new();

    public DemoCommand(Terminal terminal)
        : base("demo", "Serves a small trained model with eight tasks, shows its answers, and upgrades its adapter while requests run.")
    {
        _terminal = terminal;
        foreach (Option option in (Option[])[_files, _url, _adminUrl, _threads, _once, _json])
            Add(option);
    }

    public override IReadOnlyList<string> Examples => ["moelora demo", "moelora demo --once --json"];

    protected override IEnumerable<string> FindProblems(ParseResult parsed)
    {
        foreach ((string name, string url) in new[] { ("--url", UrlOf(parsed)), ("--admin-url", AdminUrlOf(parsed)) })
        {
            if (!Uri.TryCreate(url, UriKind.Absolute, out Uri? uri) || uri.Scheme != Uri.UriSchemeHttp || uri.PathAndQuery != "/")
                yield return $"{name}: '{url}' is not an address such as http://127.0.0.1:8080.";
        }
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        var files = new DemoFiles(parsed.GetRequiredValue(_files));
        IReadOnlyList<PromptRecord> records = files.ReadTest();
        int? threads = parsed.GetValue(_threads) is > 0 and int given ? given : null;

        await using DemoNode node = await DemoNode.StartAsync(files.Base, threads, UrlOf(parsed), AdminUrlOf(parsed), _terminal, cancellation);
        await node.ActivateAsync(files.Bundle(1), cancellation);
        _terminal.Error.WriteLine($"Serving {files.Base} with {files.Bundle(1)} on {node.Address}; administration on {node.AdministrationAddress}");

        using var client = new DemoClient(node.Address, node.TenantKey);
        var progress = new ProgressSource();
        string? stage = null;
        var run = new DemoRun(client.AskAsync, token => node.ActivateAsync(files.Bundle(2), token), records);
        Task<DemoReport> work = run.RunAsync(
            (what, fraction) =>
            {
                if (what != stage)
                    progress.Begin(stage = what);
                progress.Report(fraction);
            },
            cancellation);
        await progress.WatchAsync(_terminal, work);
        DemoReport report = await work with { WallSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds };
        if (parsed.GetValue(_json))
            _terminal.WriteJson(report);
        else
            report.Print(_terminal);
        if (!parsed.GetValue(_once))
            await ServeOnAsync(node, records[0], cancellation);
        await node.StopAsync();
        return report.Upgrade.IsClean ? ExitCode.Ok : ExitCode.Failed;
    }

    private string UrlOf(ParseResult parsed) => parsed.GetValue(_url) ?? (parsed.GetValue(_once) ? FreePort : "http://127.0.0.1:8080");

    private string AdminUrlOf(ParseResult parsed) => parsed.GetValue(_adminUrl) ?? (parsed.GetValue(_once) ? FreePort : "http://127.0.0.1:8081");

    private async Task ServeOnAsync(DemoNode node, PromptRecord record, CancellationToken cancellation)
    {
        var body = new JsonObject { ["model"] = record.TaskDataset, ["prompt"] = record.Input, ["max_tokens"] = DemoClient.MaxTokens, ["temperature"] = 0 };
        _terminal.Error.WriteLine("Version 2 goes on serving until Ctrl-C, with a tenant's and an admin's key for as long. Try:");
        _terminal.Error.WriteLine($"  {SamplePrompt.Curl(node.Address, body, node.TenantKey)}");
        _terminal.Error.WriteLine($"  {node.AdministrationAddress}/console in a browser, with {node.AdminKey}");
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            _terminal.Error.WriteLine("moelora: stopping; running answers may finish.");
        }
    }
}
