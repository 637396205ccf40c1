using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using MoeLora.Cli.Demonstration;
using MoeLora.Cli.Hosting;
using MoeLora.Cli.Options;
using MoeLora.Cli.Running;
using MoeLora.Cli.Terminals;
using MoeLora.Serving;
using MoeLora.Tensors;
using MoeLora.Training.Records;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora demo</c>: a small trained model serves eight tasks and is upgraded while it answers.</summary>
internal sealed class DemoCommand : ProgramCommand
{
    private readonly Terminal _terminal;
    private readonly Option<string> _files = new("--files")
    {
        Description = "Where base, v1, v2 and test.jsonl are; by default those that come with the program.",
        HelpName = "DIR",
        DefaultValueFactory = _ => DemoFiles.Bundled,
    };
    private readonly Option<string?> _url = new("--url") { Description = "The address to listen on; port 0 takes a free one. [default: http://127.0.0.1:8080, with --once a free port]", HelpName = "URL" };
    private readonly NumberOption _threads = ModelOptions.Threads();
    private readonly Option<bool> _once = new("--once") { Description = "Stop after the report instead of serving on." };
    private readonly JsonOption _json = new();

    public DemoCommand(Terminal terminal)
        : base("demo", "Serves a small trained model with eight tasks, shows its answers, and upgrades its adapter while requests run.")
    {
        _terminal = terminal;
        foreach (Option option in (Option[])[_files, _url, _threads, _once, _json])
            Add(option);
    }

    public override IReadOnlyList<string> Examples => ["moelora demo", "moelora demo --once --json"];

    protected override IEnumerable<string> FindProblems(ParseResult parsed)
    {
        if (!Uri.TryCreate(UrlOf(parsed), UriKind.Absolute, out Uri? uri) || uri.Scheme != Uri.UriSchemeHttp || uri.PathAndQuery != "/")
            yield return $"--url: '{UrlOf(parsed)}' is not an address such as http://127.0.0.1:8080.";
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        var files = new DemoFiles(parsed.GetRequiredValue(_files));
        IReadOnlyList<PromptRecord> records = files.ReadTest();
        int? threads = parsed.GetValue(_threads) is > 0 and int given ? given : null;
        LocalGridOptions Options(int version) => new() { ModelDirectory = files.Base, AdapterDirectory = files.Bundle(version), Weights = DType.F32, Threads = threads };

        var first = new LocalGrid(Options(1));
        await using var grid = new UpgradableGrid(first);
        await using GridServer server = await GridServer.StartAsync(grid, [UrlOf(parsed)], cancellation);
        await first.LoadAsync(_terminal, cancellation);
        string address = server.Addresses.First();
        _terminal.Error.WriteLine($"Serving {files.Base} with {files.Bundle(1)} on {address}");

        using var client = new DemoClient(address);
        var progress = new ProgressSource();
        string? stage = null;
        var run = new DemoRun(client.AskAsync, token => grid.UpgradeAsync(Options(2), cancellation: token), records);
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
            await ServeOnAsync(address, records[0], cancellation);

        using var force = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await grid.StopAsync(force.Token);
        await server.StopAsync(force.Token);
        return report.Upgrade.IsClean ? ExitCode.Ok : ExitCode.Failed;
    }

    private string UrlOf(ParseResult parsed) => parsed.GetValue(_url) ?? (parsed.GetValue(_once) ? "http://127.0.0.1:0" : "http://127.0.0.1:8080");

    private async Task ServeOnAsync(string address, PromptRecord record, CancellationToken cancellation)
    {
        var body = new JsonObject { ["model"] = record.TaskDataset, ["prompt"] = record.Input, ["max_tokens"] = DemoClient.MaxTokens, ["temperature"] = 0 };
        _terminal.Error.WriteLine("Version 2 goes on serving until Ctrl-C. Try:");
        _terminal.Error.WriteLine($"  {SamplePrompt.Curl(address, body)}");
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
