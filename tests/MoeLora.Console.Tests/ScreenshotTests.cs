using Microsoft.Playwright;
using MoeLora.Console.Tests.Fakes;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Console.Tests;

/// <summary>
/// Walks all views in the looks that people have: a desk and a phone, in light and dark. With MOELORA_SCREENSHOTS the pictures are
/// kept in that folder; that is how those in deploy/docs/console are made.
/// </summary>
[Collection(BrowserCollection.Name)]
public sealed class ScreenshotTests(Browser browser)
{
    private static readonly string[] Views = ["Overview", "Cluster", "Tasks", "Versions", "Tenants", "Audit", "Playground"];

    // Texts whose contrast with what lies behind them is below WCAG 2's AA, by its own formula (1.4.3), disabled controls left out.
    private const string Contrast = """
        () => {
          const parse = text => { const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number); return { r, g, b, a }; };
          const light = ({ r, g, b }) => [r, g, b].map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
          const ground = element => { for (let e = element; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.a === 1) return c; } return { r: 255, g: 255, b: 255 }; };
          const wrong = [];
          for (const element of document.querySelectorAll('body *')) {
            if (!element.checkVisibility({ visibilityProperty: true }) || element.closest(':disabled') || ![...element.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
            const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))].sort((x, y) => y - x);
            const ratio = (a + 0.05) / (b + 0.05);
            if (ratio < 4.5) wrong.push(`${element.tagName}.${element.className} ${element.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
          }
          return wrong;
        }
        """;

    [BrowserFact]
    public Task Views_OnADesk_InLight() => WalkAsync("desk-light", Desk(ColorScheme.Light));

    [BrowserFact]
    public Task Views_OnADesk_InDark() => WalkAsync("desk-dark", Desk(ColorScheme.Dark));

    [BrowserFact]
    public Task Views_OnAPhone_InLight() => WalkAsync("phone-light", Phone(ColorScheme.Light));

    [BrowserFact]
    public Task Views_OnAPhone_InDark() => WalkAsync("phone-dark", Phone(ColorScheme.Dark));

    private static BrowserNewContextOptions Desk(ColorScheme scheme) => new() { ViewportSize = new() { Width = 1280, Height = 860 }, ColorScheme = scheme };

    private static BrowserNewContextOptions Phone(ColorScheme scheme) => new() { ViewportSize = new() { Width = 375, Height = 812 }, HasTouch = true, IsMobile = true, ColorScheme = scheme };

    private async Task WalkAsync(string look, BrowserNewContextOptions options)
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser, options: options);
        await host.Rollouts.ExecuteAsync(new StartCanary("triage", "2026.11.2", new CanaryRule(0.1, [FakeDirectory.Radiology])), new Caller(FakeDirectory.Ward, "key-55b0", Roles.Operator));
        await host.Page.Clock.InstallAsync();
        Assert.False(await host.ScrollsSidewaysAsync(), "sign in");
        await host.SignInAsync();
        await Assertions.Expect(host.Page.GetByRole(AriaRole.Heading, new() { Name = "node-1" })).ToBeVisibleAsync();
        string? folder = Environment.GetEnvironmentVariable("MOELORA_SCREENSHOTS");
        await host.PassTimeAsync(folder is null ? 3 : 42);

        foreach (string view in Views)
        {
            await host.Page.Locator("#tabs").GetByRole(AriaRole.Link, new() { Name = view }).ClickAsync();
            await PrepareAsync(host, view);
            await host.Page.Clock.FastForwardAsync(2500);
            Assert.False(await host.ScrollsSidewaysAsync(), view);
            Assert.Empty(await host.Page.EvaluateAsync<string[]>(Contrast));
            if (folder is not null)
            {
                await host.Page.EvaluateAsync("scrollTo(0, 0)");
                byte[] picture = await host.Page.ScreenshotAsync(new() { FullPage = view != "Versions" });
                await File.WriteAllBytesAsync(Path.Combine(folder, $"{view.ToLowerInvariant()}-{look}.png"), PalettePng.From(picture));
            }
        }
    }

    private static async Task PrepareAsync(ConsoleHost host, string view)
    {
        IPage page = host.Page;
        switch (view)
        {
            case "Cluster":
                await Assertions.Expect(page.GetByText("The check logits of prompt 2 differ")).ToBeVisibleAsync();
                break;
            case "Versions":
                await page.Locator("article", new() { HasText = "triage" }).GetByRole(AriaRole.Link, new() { Name = "History" }).ClickAsync();
                await Assertions.Expect(page.GetByText("What happened, newest first")).ToBeVisibleAsync();
                break;
            case "Tenants":
                await page.GetByRole(AriaRole.Link, new() { Name = "Keys of ward-7" }).ClickAsync();
                await Assertions.Expect(page.GetByText("night shift").First).ToBeVisibleAsync();
                break;
            case "Audit":
                await page.Locator("select[name=window]").SelectOptionAsync("60");
                await page.GetByRole(AriaRole.Button, new() { Name = "Show records" }).ClickAsync();
                await Assertions.Expect(page.GetByText("invalid_key")).ToBeVisibleAsync();
                await page.GetByRole(AriaRole.Button, new() { Name = "Verify the chain" }).ClickAsync();
                await Assertions.Expect(page.GetByText("whole", new() { Exact = true })).ToBeVisibleAsync();
                break;
            case "Playground":
                await page.Locator("select[name=task]").SelectOptionAsync("triage/diagnosis coding");
                await page.Locator("textarea[name=prompt]").FillAsync("Right lower abdominal pain for two days, fever 38.4, rebound tenderness.\nCode the diagnosis:");
                await page.GetByRole(AriaRole.Button, new() { Name = "Generate" }).ClickAsync();
                host.Grid.Send(new TokenChunk("Acute appendicitis, ", [1, 2, 3]));
                await Assertions.Expect(page.GetByText("Acute appendicitis, ")).ToBeVisibleAsync();
                await page.Clock.FastForwardAsync(120); // as if the rest took as long
                host.Grid.Send(new TokenChunk("unspecified (K35.80)", [4, 5, 6, 7]), ConsoleHost.Finished);
                await Assertions.Expect(page.GetByText("Provenance")).ToBeVisibleAsync();
                break;
        }
    }
}
