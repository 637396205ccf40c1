using Microsoft.Playwright;
using MoeLora.Console.Tests;
using static Microsoft.Playwright.Assertions;

namespace MoeLora.Silo.Tests;

/// <summary>The console before a real cluster, and the Orleans Dashboard behind it, in a real Chromium.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ClusterPagesTests(SharedCluster shared, Browser browser)
{
    // Only a failure waits that long; a busy machine must not make one.
    private const float Patience = 120_000;

    [BrowserFact]
    public async Task Cluster_ShowsBothSilos_TheirVersions_AndWhereATaskLives()
    {
        (string task, _) = await shared.AskElsewhereAsync(0, "silo-2");
        (IBrowserContext context, IPage page, _) = await OpenAsync();
        await using IBrowserContext owned = context;

        await page.Locator("#tabs").GetByRole(AriaRole.Link, new() { Name = "Cluster" }).ClickAsync();

        ILocator silos = page.GetByRole(AriaRole.Table, new() { Name = "Silos", Exact = true }).Locator("tbody tr");
        await Expect(silos).ToHaveCountAsync(2);
        await Expect(silos.Nth(0)).ToContainTextAsync("silo-1 ready");
        await Expect(silos.Nth(1)).ToContainTextAsync("silo-2 ready");
        ILocator versions = page.GetByRole(AriaRole.Table, new() { Name = "Versions on each silo" }).Locator("tbody[data-key=demo] [data-label=Answers]");
        await Expect(versions).ToHaveTextAsync(["1", "1"]);
        await Expect(page.GetByRole(AriaRole.Table, new() { Name = "Where tasks live" }).Locator("tr", new() { HasText = task }).Locator("[data-label='Lives on']")).ToHaveTextAsync("silo-2");
    }

    [BrowserFact]
    public async Task Dashboard_OfASignedInAdministrator_ShowsOurGrains()
    {
        await shared.AskElsewhereAsync(0, "silo-2");
        await shared.Cluster.AskAsync(0, "demo/MedDG", "发热", 1, await shared.Cluster.NewKeyAsync("ward-2", "inference", new { enabled = true, requests_per_minute = 100, weight = 1 }));
        (IBrowserContext context, IPage page, List<string> elsewhere) = await OpenAsync();
        await using IBrowserContext owned = context;

        await page.GetByRole(AriaRole.Link, new() { Name = "Orleans" }).ClickAsync();

        await page.GetByRole(AriaRole.Link, new() { Name = "Grains", Exact = true }).ClickAsync();
        foreach (string grain in new[] { "TaskGrain", "GateGrain", "SiloGrain", "TenantGrain" })
            await Expect(page.Locator("main").GetByText(grain, new() { Exact = true })).ToBeVisibleAsync();
        Assert.Empty(elsewhere);
        if (Environment.GetEnvironmentVariable("MOELORA_SCREENSHOTS") is { } folder)
            await File.WriteAllBytesAsync(Path.Combine(folder, "dashboard-desk.png"), PalettePng.From(await page.ScreenshotAsync()));
    }

    [BrowserFact]
    public async Task Dashboard_WithoutASignedInAdministrator_IsRefused()
    {
        await using IBrowserContext context = await browser.OpenAsync(new());
        var dashboard = new Uri(shared.Cluster.Silos[0].Administration, "/dashboard/");
        foreach ((string? key, int status) in new[] { (null, 401), (shared.Cluster.Application.Parameter, 403) })
        {
            IAPIResponse response = await context.APIRequest.GetAsync(dashboard.ToString(), new() { Headers = key is null ? [] : [new("Authorization", $"Bearer {key}")] });
            Assert.Equal(status, response.Status);
        }
    }

    /// <summary>A page that is signed in to the first silo's console as the admin, and the calls that it makes elsewhere.</summary>
    private async Task<(IBrowserContext Context, IPage Page, List<string> Elsewhere)> OpenAsync()
    {
        string address = shared.Cluster.Silos[0].Administration.ToString();
        IBrowserContext context = await browser.OpenAsync(new() { ViewportSize = new() { Width = 1280, Height = 860 } });
        IPage page = await context.NewPageAsync();
        page.SetDefaultTimeout(Patience);
        SetDefaultExpectTimeout(Patience);
        var elsewhere = new List<string>();
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith(address, StringComparison.Ordinal) && !request.Url.StartsWith("data:", StringComparison.Ordinal))
                elsewhere.Add(request.Url);
        };
        await page.GotoAsync($"{address}console/");
        await page.GetByLabel("API key").FillAsync(shared.Cluster.Admin.Parameter!);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await Expect(page.Locator("#tabs a").First).ToBeVisibleAsync();
        return (context, page, elsewhere);
    }
}
