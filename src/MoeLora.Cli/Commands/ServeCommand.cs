using System.CommandLine;
using System.Text.Json.Nodes;
using MoeLora.Cli.Hosting;
using MoeLora.Cli.Nodes;
using MoeLora.Cli.Options;
using MoeLora.Cli.Running;
using MoeLora.Cli.Terminals;
using MoeLora.Contracts;
using MoeLora.Serving;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora serve</c>: every task over HTTP, from this process.</summary>
internal sealed class ServeCommand : ProgramCommand
{
    // How long running answers may take when the server is asked to stop.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(20);

    private readonly Terminal _terminal;
    private readonly Option<string?> _config = new("--config") { Description = "A node's configuration, YAML or JSON: tenants, versions, audit and administration. Alone, without the other options.", HelpName = "FILE" };
    private readonly Option<string?> _firstKeyFile = new("--first-key-file")
    {
        Description = $"With --config: where a new node writes its first admin's key, readable by its user only. Without it the key is shown on a terminal, and written to '{AdminKeyFile.FirstName}' in the state directory otherwise.",
        HelpName = "FILE",
    };

    private readonly ModelOptions _model = new(isRequired: false);
    private readonly Option<string> _urls = new("--urls")
    {
        Description = "Addresses to listen on, with semicolons between them; port 0 takes a free one.",
        HelpName = "URL;URL",
        DefaultValueFactory = _ => "http://127.0.0.1:8080",
    };

    public ServeCommand(Terminal terminal)
        : base("serve", "Serves every task over HTTP in the shape of OpenAI's API: a whole node by its configuration, or one adapter directory for a try. Ctrl-C or SIGTERM lets running answers finish.")
    {
        _terminal = terminal;
        Add(_config);
        Add(_firstKeyFile);
        _model.AddTo(this);
        Add(_urls);
    }

    public override IReadOnlyList<string> Examples =>
    [
        "moelora serve --model tests/data/llama-tiny --adapter tests/data/llama-tiny/adapter",
        "moelora serve --config node.yaml",
        "moelora serve --model DIR --adapter DIR --task-names task_dataset.json --weights q8 --urls http://127.0.0.1:9000",
    ];

    protected override IEnumerable<string> FindProblems(ParseResult parsed)
    {
        if (parsed.GetValue(_config) is { } config)
        {
            if (!File.Exists(config))
                yield return $"--config: there is no file '{config}'.";
            if (_model.IsGiven(parsed))
                yield return "--config says all of it; leave --model and what belongs to it out.";
            yield break;
        }

        if (parsed.GetValue(_firstKeyFile) is not null)
            yield return "--first-key-file belongs to --config: without it there are no keys.";
        if (!_model.IsGiven(parsed))
            yield return "Give --config FILE, or --model DIR.";
        foreach (string problem in _model.FindProblems(parsed))
            yield return problem;
        string[] urls = Urls(parsed);
        if (urls.Length == 0)
            yield return "--urls: give at least one address, such as http://127.0.0.1:8080.";
        foreach (string url in urls)
        {
            if (!Uri.TryCreate(url, UriKind.Absolute, out Uri? uri) || uri.Scheme != Uri.UriSchemeHttp || uri.PathAndQuery != "/")
                yield return $"--urls: '{url}' is not an address such as http://127.0.0.1:8080 (https belongs to a proxy in front).";
        }
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        if (parsed.GetValue(_config) is { } config)
        {
            await NodeProcess.RunAsync(NodeFile.Read(config), parsed.GetValue(_firstKeyFile), _terminal, cancellation);
            return ExitCode.Ok;
        }

        ModelSource source = _model.Read(parsed);
        string[] urls = Urls(parsed);
        WarnOfStrangers(urls);
        await using var grid = new LocalGrid(GridLoad.Options(source));
        await using GridServer server = await GridServer.StartAsync(grid, urls, cancellation);
        try
        {
            await grid.LoadAsync(_terminal, cancellation);
            await AnnounceAsync(grid, server, source, cancellation);
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            _terminal.Error.WriteLine("moelora: stopping; running answers may finish.");
        }

        using var force = new CancellationTokenSource(Grace);
        await grid.StopAsync(force.Token);
        await server.StopAsync(force.Token);
        return ExitCode.Ok;
    }

    private async Task AnnounceAsync(LocalGrid grid, GridServer server, ModelSource source, CancellationToken cancellation)
    {
        if (!(await grid.ListModelsAsync(cancellation)).TryGet(out IReadOnlyList<ModelDescription>? models, out GridError? error))
            throw new CommandException(error.Message);
        JsonObject body = SamplePrompt.Body(source.Model, models[0].Id);
        _terminal.Out.WriteLine($"Serving {models.Count} {(models.Count == 1 ? "model" : "tasks")} of {models[0].BaseModel} on {string.Join(", ", server.Addresses)}");
        _terminal.Out.WriteLine("Try:");
        _terminal.Out.WriteLine($"  {SamplePrompt.Curl(server.Addresses.First(), body)}");
        _terminal.Out.Flush();
    }

    private void WarnOfStrangers(string[] urls)
    {
        foreach (string url in urls)
        {
            var uri = new Uri(url);
            if (!uri.IsLoopback)
                _terminal.Error.WriteLine($"moelora: {url} can be reached from other machines, and there is no authentication yet.");
        }
    }

    private string[] Urls(ParseResult parsed) =>
        parsed.GetRequiredValue(_urls).Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
