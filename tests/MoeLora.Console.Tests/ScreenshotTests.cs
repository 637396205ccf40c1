using Microsoft.Playwright;
using MoeLora.Contracts;

namespace MoeLora.Console.Tests;

/// <summary>
/// Walks all views in the three looks that people have: a desk in light and dark, a phone. With MOELORA_SCREENSHOTS the pictures are
/// kept in that folder; that is how those in deploy/docs/console are made.
/// </summary>
public sealed class ScreenshotTests(Browser browser) : IClassFixture<Browser>
{
    private static readonly string[] Views = ["Overview", "Tasks", "Versions", "Tenants", "Audit", "Playground"];

    [BrowserFact]
    public Task Views_OnADesk_InLight() => WalkAsync("light", new() { ViewportSize = new() { Width = 1280, Height = 860 }, ColorScheme = ColorScheme.Light });

    [BrowserFact]
    public Task Views_OnADesk_InDark() => WalkAsync("dark", new() { ViewportSize = new() { Width = 1280, Height = 860 }, ColorScheme = ColorScheme.Dark });

    [BrowserFact]
    public Task Views_OnAPhone() => WalkAsync("phone", new() { ViewportSize = new() { Width = 360, Height = 740 }, HasTouch = true, IsMobile = true });

    private async Task WalkAsync(string look, BrowserNewContextOptions options)
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser, options: options);
        await host.Page.Clock.InstallAsync();
        Assert.False(await host.ScrollsSidewaysAsync(), "sign in");
        await host.SignInAsync();
        await Assertions.Expect(host.Page.GetByText("node-1").First).ToBeVisibleAsync();
        // Pictures show five minutes of polling, in no time.
        string? folder = Environment.GetEnvironmentVariable("MOELORA_SCREENSHOTS");
        for (int i = 0; i < (folder is null ? 10 : 300); i++)
        {
            host.Measure(0.05 + 0.04 * Math.Sin(i * 0.05), 0.018 + 0.006 * Math.Cos(i * 0.065));
            await host.Page.Clock.RunForAsync(1000);
        }

        foreach (string view in Views)
        {
            await host.Page.Locator("#tabs").GetByRole(AriaRole.Link, new() { Name = view }).ClickAsync();
            await PrepareAsync(host, view);
            await host.Page.Clock.RunForAsync(2500);
            Assert.False(await host.ScrollsSidewaysAsync(), view);
            if (folder is not null)
            {
                await host.Page.EvaluateAsync("scrollTo(0, 0)");
                await host.Page.ScreenshotAsync(new() { Path = Path.Combine(folder, $"{view.ToLowerInvariant()}-{look}.png"), FullPage = look == "phone" });
            }
        }
    }

    private static async Task PrepareAsync(ConsoleHost host, string view)
    {
        IPage page = host.Page;
        switch (view)
        {
            case "Versions":
                await page.Locator("article", new() { HasText = "triage" }).GetByRole(AriaRole.Link, new() { Name = "History" }).ClickAsync();
                await Assertions.Expect(page.GetByText("What happened, newest first")).ToBeVisibleAsync();
                break;
            case "Tenants":
                await page.GetByRole(AriaRole.Link, new() { Name = "Keys of ward-7" }).ClickAsync();
                await Assertions.Expect(page.GetByText("night shift").First).ToBeVisibleAsync();
                break;
            case "Audit":
                await page.GetByRole(AriaRole.Button, new() { Name = "Show records" }).ClickAsync();
                await Assertions.Expect(page.GetByText("invalid_key")).ToBeVisibleAsync();
                await page.GetByRole(AriaRole.Button, new() { Name = "Verify the chain" }).ClickAsync();
                await Assertions.Expect(page.GetByText("whole", new() { Exact = true })).ToBeVisibleAsync();
                break;
            case "Playground":
                host.Grid.Send(new TokenChunk("acute appendicitis, ", [1, 2, 3]), new TokenChunk("unspecified (K35.80)", [4, 5, 6, 7]), ConsoleHost.Finished);
                await page.Locator("select[name=task]").SelectOptionAsync("triage/diagnosis coding");
                await page.Locator("textarea[name=prompt]").FillAsync("Right lower abdominal pain for two days, fever 38.4, rebound tenderness.\nCode the diagnosis:");
                await page.GetByRole(AriaRole.Button, new() { Name = "Generate" }).ClickAsync();
                await Assertions.Expect(page.GetByText("Provenance")).ToBeVisibleAsync();
                break;
        }
    }
}
