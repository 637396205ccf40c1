using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Playwright;
using MoeLora.Console.Tests.Fakes;
using MoeLora.Contracts;
using MoeLora.Gateway;
using MoeLora.Gateway.Hosting;

namespace MoeLora.Console.Tests;

/// <summary>The real gateway before a made-up grid, and a page that shows its console. Ends with a failure where the page complained.</summary>
internal sealed class ConsoleHost : IAsyncDisposable
{
    // Only a failure waits that long; a busy machine must not make one.
    private const float WaitMilliseconds = 120_000;

    private readonly ConcurrentQueue<string> _complaints = new();
    private readonly Meter _meter = new("MoeLora.Console.Tests");
    private readonly Histogram<double> _timeToFirstToken;
    private readonly Histogram<double> _timePerToken;
    private readonly Histogram<double> _queueTime;
    private GatewayServer _server = null!;
    private IBrowserContext _context = null!;

    private ConsoleHost()
    {
        Overview = new FakeOverview(Rollouts, Directory);
        Grid = new FakeGrid(Rollouts);
        Silos = new FakeSilos(Rollouts);
        _timeToFirstToken = _meter.CreateHistogram<double>(Telemetry.TimeToFirstToken, "s");
        _queueTime = _meter.CreateHistogram<double>(Telemetry.QueueTime, "s");
        _timePerToken = _meter.CreateHistogram<double>(Telemetry.TimePerToken, "s");
    }

    public FakeRollouts Rollouts { get; } = new();

    public FakeDirectory Directory { get; } = new();

    public FakeTrail Trail { get; } = new();

    public FakeOverview Overview { get; }

    public FakeGrid Grid { get; }

    public FakeSilos Silos { get; }

    /// <summary>Pages of others on the listener.</summary>
    public IReadOnlyList<IAdministrationPages> Pages { get; set; } = [];

    public IPage Page { get; private set; } = null!;

    /// <summary>Lines of the browser's console that a test provokes on purpose.</summary>
    public List<string> Expected { get; } = [];

    public string Address => _server.AdministrationAddresses.Single();

    /// <summary>Starts with the banks of a small hospital, at the sign-in form.</summary>
    public static async Task<ConsoleHost> StartAsync(Browser browser, Action<ConsoleHost>? prepare = null, BrowserNewContextOptions? options = null, bool anonymous = false)
    {
        var host = new ConsoleHost();
        if (prepare is null)
            Hospital.Fill(host.Rollouts, host.Trail);
        else
            prepare(host);
        host._server = await GatewayServer.StartAsync(
            new GatewayParts { Grid = host.Grid, Tenants = host.Directory, Rollouts = host.Rollouts, Overview = host.Overview, Silos = host.Silos, Audit = host.Trail, Pages = host.Pages },
            new GatewayOptions { Public = new ListenerOptions { Urls = ["http://127.0.0.1:0"] }, Administration = new ListenerOptions { Urls = ["http://127.0.0.1:0"] }, AllowAnonymous = anonymous });
        host._context = await browser.OpenAsync(options ?? new() { ViewportSize = new() { Width = 1280, Height = 900 } });
        host.Page = await host._context.NewPageAsync();
        host.Page.SetDefaultTimeout(WaitMilliseconds);
        Assertions.SetDefaultExpectTimeout(WaitMilliseconds);
        host.Page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
                host._complaints.Enqueue(message.Text);
        };
        host.Page.PageError += (_, error) => host._complaints.Enqueue(error);
        host.Page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith(host.Address, StringComparison.Ordinal))
                host._complaints.Enqueue($"A call of elsewhere: {request.Url}");
        };
        await host.Page.GotoAsync($"{host.Address}/console");
        return host;
    }

    public async Task SignInAsync(string key = "all")
    {
        await Page.GetByLabel("API key").FillAsync(key);
        await Page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
    }

    /// <summary>The end of a made-up answer.</summary>
    public static GenerationFinished Finished => new([FinishReason.Stop], new TokenUsage(31, 7), default, new Provenance
    {
        BaseModelHash = "sha256:9a31c5d2e8f04b716f0e2d8c4b9a1735e2d07c61a58f43be90d1c7a26e58f3b4",
        AdapterHash = "sha256:4d7be21a90c35f68b2e17d04a9c6f8538e1b02d7c4f6a3951d80e7b26c9f5a13",
        Bank = "triage",
        Version = "2026.11.1",
        Task = "diagnosis coding",
        TaskId = 2,
        GateWeights = [FakeOverview.Weights(2)],
        Mode = ServingMode.Shared,
        Device = "cpu (avx2, 8 threads)",
        Node = "node-1",
        Seed = 7,
        WeightsFormat = "q8",
    });

    /// <summary>Counts an answer's times, as the gateway does with its own answers.</summary>
    public void Measure(double timeToFirstToken, double timePerToken)
    {
        _timeToFirstToken.Record(timeToFirstToken);
        _timePerToken.Record(timePerToken);
        _queueTime.Record(0.3 * timeToFirstToken);
    }

    /// <summary>Signed in, at a view.</summary>
    public async Task OpenAsync(string view, string key = "all")
    {
        await SignInAsync(key);
        await Page.Locator("#tabs").GetByRole(AriaRole.Link, new() { Name = view }).ClickAsync();
        await Assertions.Expect(Page.Locator("main > section:visible h1")).ToBeVisibleAsync();
    }

    /// <summary>Lets the page poll so many times on the page's own clock, which must be installed; answers of changing lengths come between.</summary>
    /// <param name="polls">How many times.</param>
    /// <param name="secondsApart">How long each takes.</param>
    /// <param name="changing">What each poll changes on the page; null for the lines of the plots.</param>
    public async Task PassTimeAsync(int polls, int secondsApart = 7, string? changing = null)
    {
        ILocator seen = changing is null ? Page.Locator(".plot path").Nth(2) : Page.Locator(changing).First;
        for (int i = 0; i < polls; i++)
        {
            for (int answer = 0; answer < 24; answer++)
                Measure((0.32 + 0.14 * Math.Sin(i * 0.3)) * (0.5 + answer / 20.0), (0.045 + 0.014 * Math.Cos(i * 0.4)) * (0.6 + answer / 30.0));
            string before = await seen.EvaluateAsync<string>("element => element.outerHTML");
            await Page.Clock.FastForwardAsync(1000 * secondsApart);
            await Assertions.Expect(seen).Not.ToHaveJSPropertyAsync("outerHTML", before);
        }
    }

    /// <summary>The node goes away; the page stays.</summary>
    public Task StopNodeAsync() => _server.StopAsync();

    /// <summary>Whether anything sticks out of the page to the side.</summary>
    public Task<bool> ScrollsSidewaysAsync() => Page.EvaluateAsync<bool>("document.documentElement.scrollWidth > document.documentElement.clientWidth");

    public async ValueTask DisposeAsync()
    {
        await _context.DisposeAsync();
        await _server.DisposeAsync();
        _meter.Dispose();
        Assert.DoesNotContain(_complaints, line => !Expected.Any(line.Contains));
    }
}
