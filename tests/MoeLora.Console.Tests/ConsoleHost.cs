using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Playwright;
using MoeLora.Console.Tests.Fakes;
using MoeLora.Contracts;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Rollouts;
using MoeLora.Gateway;
using MoeLora.Gateway.Hosting;

namespace MoeLora.Console.Tests;

/// <summary>A browser for all tests of a class.</summary>
public sealed class Browser : IAsyncLifetime
{
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public Task<IBrowserContext> OpenAsync(BrowserNewContextOptions options) => _browser!.NewContextAsync(options);

    public async Task InitializeAsync()
    {
        if (BrowserFactAttribute.Chromium is not { } path)
            return;
        _playwright = await Playwright.CreateAsync();
        // Inside containers Chromium's own sandbox cannot be set up; only pages of this test are loaded.
        _browser = await _playwright.Chromium.LaunchAsync(new() { ExecutablePath = path, Args = ["--no-sandbox", "--disable-dev-shm-usage"] });
    }

    public async Task DisposeAsync()
    {
        if (_browser is not null)
            await _browser.DisposeAsync();
        _playwright?.Dispose();
    }
}

/// <summary>The real gateway before a made-up grid, and a page that shows its console. Ends with a failure where the page complained.</summary>
internal sealed class ConsoleHost : IAsyncDisposable
{
    // Only a failure waits that long; a busy machine must not make one.
    private const float WaitMilliseconds = 60_000;

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
        _timeToFirstToken = _meter.CreateHistogram<double>(Telemetry.TimeToFirstToken, "s");
        _queueTime = _meter.CreateHistogram<double>(Telemetry.QueueTime, "s");
        _timePerToken = _meter.CreateHistogram<double>(Telemetry.TimePerToken, "s");
    }

    public FakeRollouts Rollouts { get; } = new();

    public FakeDirectory Directory { get; } = new();

    public FakeTrail Trail { get; } = new();

    public FakeOverview Overview { get; }

    public FakeGrid Grid { get; }

    public IPage Page { get; private set; } = null!;

    /// <summary>Lines of the browser's console that a test provokes on purpose.</summary>
    public List<string> Expected { get; } = [];

    public string Address => _server.AdministrationAddresses.Single();

    /// <summary>Starts with the banks of a small hospital, at the sign-in form.</summary>
    public static async Task<ConsoleHost> StartAsync(Browser browser, Action<ConsoleHost>? prepare = null, BrowserNewContextOptions? options = null, bool anonymous = false)
    {
        var host = new ConsoleHost();
        if (prepare is null)
            host.AddHospital();
        else
            prepare(host);
        host._server = await GatewayServer.StartAsync(
            new GatewayParts { Grid = host.Grid, Tenants = host.Directory, Rollouts = host.Rollouts, Overview = host.Overview, Audit = host.Trail },
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
        Device = "cpu (avx2, 2 threads)",
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

    /// <summary>Lets the page poll so many times, seven seconds apart, on the page's own clock, which must be installed.</summary>
    /// <param name="polls">How many times.</param>
    /// <param name="changing">What each poll changes on the page; null for the lines of the plots.</param>
    public async Task PassTimeAsync(int polls, string? changing = null)
    {
        ILocator seen = changing is null ? Page.Locator(".plot path").Nth(2) : Page.Locator(changing).First;
        for (int i = 0; i < polls; i++)
        {
            Measure(0.05 + 0.03 * Math.Sin(i * 0.3), 0.018 + 0.006 * Math.Cos(i * 0.4));
            string before = await StateAsync();
            await Page.Clock.FastForwardAsync(7000);
            for (var waited = System.Diagnostics.Stopwatch.StartNew(); await StateAsync() == before;)
                Assert.True(waited.ElapsedMilliseconds < WaitMilliseconds, "The page does not poll.");
        }

        Task<string> StateAsync() => seen.EvaluateAsync<string>("element => element.outerHTML");
    }

    /// <summary>Whether anything sticks out of the page to the side.</summary>
    public Task<bool> ScrollsSidewaysAsync() => Page.EvaluateAsync<bool>("document.documentElement.scrollWidth > document.documentElement.clientWidth");

    public async ValueTask DisposeAsync()
    {
        await _context.DisposeAsync();
        await _server.DisposeAsync();
        _meter.Dispose();
        Assert.DoesNotContain(_complaints, line => !Expected.Any(line.Contains));
    }

    private void AddHospital()
    {
        string[] triage =
        [
            "entity recognition", "named entity normalisation", "diagnosis coding", "medical inquiry intent", "symptom status", "search result relevance",
            "report summary", "dialogue to record", "trial criterion", "treatment plan", "medication pairs", "discharge letter",
        ];
        Dictionary<int, string> tasks = triage.Select((name, id) => (name, id)).ToDictionary(task => task.id, task => task.name);
        Rollouts.Add("triage", "2026.11.3", RolloutState.Published, tasks, TimeSpan.FromMinutes(4));
        Rollouts.Add("triage", "2026.11.2", RolloutState.Verified, tasks, TimeSpan.FromMinutes(50));
        Rollouts.Add("triage", "2026.11.1", RolloutState.Active, tasks, TimeSpan.FromHours(28));
        Rollouts.Add("triage", "2026.10.9", RolloutState.Failed, tasks, TimeSpan.FromDays(2), "The check logits of prompt 2 differ by 0.31, more than 0.02: the bundle was made for other weights.");
        Rollouts.Add("triage", "2026.10.8", RolloutState.Retired, tasks, TimeSpan.FromDays(9));
        Rollouts.Add("billing", "4", RolloutState.Active, new Dictionary<int, string> { [0] = "ICD-10 code choice" }, TimeSpan.FromDays(12));
        foreach ((string task, int tokens) in new[] { ("diagnosis coding", 212), ("report summary", 1840), ("symptom status", 96) })
        {
            Trail.AppendAsync(new AuditEntry
            {
                Action = AuditAction.Generate,
                Succeeded = true,
                Tenant = FakeDirectory.Ward,
                Subject = "key-7c1e",
                Detail = "stop",
                Bank = "triage",
                Version = "2026.11.1",
                TaskName = task,
                PromptTokens = tokens,
                CompletionTokens = 24,
            });
        }

        Trail.AppendAsync(new AuditEntry { Action = AuditAction.Access, Succeeded = false, Detail = "invalid_key", Target = "10.4.1.17", Count = 3 });
        Trail.AppendAsync(new AuditEntry { Action = AuditAction.Rollout, Succeeded = true, Tenant = FakeDirectory.Ward, Subject = "key-55b0", Detail = "load", Bank = "triage", Version = "2026.11.2" });
    }
}
