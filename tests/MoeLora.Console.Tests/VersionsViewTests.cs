using Microsoft.Playwright;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using static Microsoft.Playwright.Assertions;

namespace MoeLora.Console.Tests;

/// <summary>Commands ask first, are carried out, and show what became of them.</summary>
[Collection(BrowserCollection.Name)]
public sealed class VersionsViewTests(Browser browser)
{
    [BrowserFact]
    public async Task Grid_WithoutAnything_SaysWhatToDoNext()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser, _ => { });

        await host.OpenAsync("Tasks");
        await Expect(host.Page.GetByText("Publish a bundle under Versions, then activate it.")).ToBeVisibleAsync();
        await host.Page.Locator("#tabs").GetByText("Versions").ClickAsync();
        await Expect(host.Page.GetByText("No bundle is published yet.")).ToBeVisibleAsync();
    }

    [BrowserFact]
    public async Task Commands_AskFirst_AreCarriedOut_AndShowTheNewState()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        await host.OpenAsync("Versions");
        IPage page = host.Page;
        ILocator dialog = page.GetByRole(AriaRole.Dialog);

        await page.GetByRole(AriaRole.Button, new() { Name = "Canary triage@2026.11.2" }).ClickAsync();
        await dialog.GetByLabel("Share of new requests, percent").FillAsync("25");
        await dialog.GetByLabel("Tenants").FillAsync("ward-7, radiology");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Start canary" }).ClickAsync();
        await Expect(Row("2026.11.2")).ToContainTextAsync("25.0 % of new ones and all of ward-7, radiology");
        await Expect(Row("2026.11.1")).ToContainTextAsync("all other new ones");
        var canary = Assert.IsType<StartCanary>(host.Rollouts.Commands[^1]);
        Assert.Equal((0.25, 2), (canary.Rule.Share, canary.Rule.Tenants.Count));

        await page.GetByRole(AriaRole.Button, new() { Name = "Activate triage@2026.11.2" }).ClickAsync();
        await Expect(dialog).ToContainTextAsync("answered by 2026.11.2 instead of 2026.11.1");
        Assert.Single(host.Rollouts.Commands); // nothing happens before one says so
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Activate" }).ClickAsync();
        await Expect(Row("2026.11.2").Locator(".chip")).ToHaveTextAsync("active");
        await Expect(Row("2026.11.1").Locator(".chip")).ToHaveTextAsync("verified");
        await Expect(page.Locator("#notice")).ToHaveTextAsync("triage@2026.11.2 is active.");

        await page.GetByRole(AriaRole.Link, new() { Name = "History" }).First.ClickAsync();
        await Expect(page.GetByText("canary → active")).ToBeVisibleAsync();

        await page.Locator("article", new() { HasText = "triage" }).GetByRole(AriaRole.Button, new() { Name = "Roll back" }).ClickAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Roll back" }).ClickAsync();
        await Expect(Row("2026.11.1").Locator(".chip")).ToHaveTextAsync("active");
        await Expect(page.GetByText("active → verified")).ToHaveCountAsync(2); // the history follows

        await page.GetByRole(AriaRole.Button, new() { Name = "Shadow triage@2026.11.3" }).ClickAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Start shadow" }).ClickAsync();
        await Expect(Row("2026.11.3")).ToContainTextAsync("copies of 10.0 %");
        await page.GetByRole(AriaRole.Button, new() { Name = "End shadow triage@2026.11.3" }).ClickAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "End shadow" }).ClickAsync();
        await Expect(Row("2026.11.3")).ToContainTextAsync("those that name it");

        await page.GetByRole(AriaRole.Button, new() { Name = "Retire triage@2026.11.3" }).ClickAsync();
        await dialog.GetByLabel("Deadline, seconds").FillAsync("5");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Retire" }).ClickAsync();
        await Expect(Row("2026.11.3").Locator(".chip")).ToHaveTextAsync("retired");
        Assert.Equal(new RetireVersion("triage", "2026.11.3", TimeSpan.FromSeconds(5)), host.Rollouts.Commands[^1]);

        ILocator Row(string version) => page.Locator("article", new() { HasText = "triage" }).Locator($"tr[data-key='{version}']").First;
    }

    [BrowserFact]
    public async Task Command_ThatIsRefused_SaysWhyInTheApisWords_AndCanBeCalledOff()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        host.Expected.Add("409");
        host.Rollouts.Refusal = new GridError(GridErrorKind.Conflict, "triage@2026.11.3 does not fit: <b>other</b> shapes.");
        await host.OpenAsync("Versions");

        await host.Page.GetByRole(AriaRole.Button, new() { Name = "Load triage@2026.11.3" }).ClickAsync();
        await host.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Load" }).ClickAsync();

        await Expect(host.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Alert)).ToHaveTextAsync("triage@2026.11.3 does not fit: <b>other</b> shapes.");
        await host.Page.Keyboard.PressAsync("Escape");
        await Expect(host.Page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
        await Expect(host.Page.GetByRole(AriaRole.Button, new() { Name = "Load triage@2026.11.3" })).ToBeFocusedAsync();
    }
}
