using System.Text.RegularExpressions;
using Microsoft.Playwright;
using MoeLora.Contracts;
using static Microsoft.Playwright.Assertions;

namespace MoeLora.Console.Tests;

/// <summary>What holds on the whole page. Every test also fails when the page logs an error, breaks its content policy, or calls elsewhere.</summary>
[Collection(BrowserCollection.Name)]
public sealed class PageTests(Browser browser)
{
    [BrowserFact]
    public async Task Version_IsActivated_ByKeyboardOnly()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        IKeyboard keyboard = host.Page.Keyboard;

        await Expect(host.Page.GetByLabel("API key")).ToBeFocusedAsync();
        await keyboard.TypeAsync("all");
        await keyboard.PressAsync("Enter");
        await Expect(host.Page.GetByRole(AriaRole.Heading, new() { Name = "Overview" })).ToBeVisibleAsync();
        await TabToAsync(host, host.Page.GetByRole(AriaRole.Link, new() { Name = "Versions", Exact = true }));
        await keyboard.PressAsync("Enter");
        await TabToAsync(host, host.Page.GetByRole(AriaRole.Button, new() { Name = "Activate triage@2026.11.2" }));
        Assert.NotEqual("none", await host.Page.EvaluateAsync<string>("getComputedStyle(document.activeElement).outlineStyle"));
        await keyboard.PressAsync("Enter");
        await Expect(host.Page.GetByRole(AriaRole.Dialog)).ToBeVisibleAsync();
        await keyboard.PressAsync("Enter");

        await Expect(host.Page.GetByText("triage@2026.11.2 is active.")).ToBeVisibleAsync();
    }

    [BrowserFact]
    public async Task ColourScheme_FollowsTheReader()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        string light = await GroundAsync();

        await host.Page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });

        Assert.Equal(("rgb(246, 247, 249)", "rgb(18, 21, 26)"), (light, await GroundAsync()));

        Task<string> GroundAsync() => host.Page.EvaluateAsync<string>("getComputedStyle(document.body).backgroundColor");
    }

    [BrowserFact]
    public async Task Page_RefusesForeignScriptAndMarkup()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        host.Expected.Add("Content Security Policy");
        host.Expected.Add("TrustedHTML");
        host.Expected.Add("TrustedScript");

        string outcome = await host.Page.EvaluateAsync<string>("""
            () => {
              const script = document.createElement('script');
              script.append('window.broken = true');
              try { document.body.append(script); } catch { }
              try { document.body.innerHTML += '<b>x</b>'; return 'markup'; } catch { return window.broken ? 'script' : 'refused'; }
            }
            """);

        Assert.Equal("refused", outcome);
    }

    [BrowserFact]
    public async Task Views_OpenAndWork_ByKeyboardOnly()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        IPage page = host.Page;
        await Expect(page.GetByLabel("API key")).ToBeFocusedAsync();
        await page.Keyboard.TypeAsync("all");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator("#tabs a")).ToHaveCountAsync(7);

        await OpenAsync("Overview", "Overview");
        await TabToAsync(host, page.GetByRole(AriaRole.Img, new() { Name = "Sequences, last five minutes" }));
        await page.Keyboard.PressAsync("ArrowLeft");
        await Expect(page.Locator(".chart", new() { HasText = "Sequences" }).Locator("header small")).ToHaveTextAsync(new Regex("^\\d+ s ago$"));

        await OpenAsync("Cluster", "Cluster");
        await TabToAsync(host, page.Locator("input[name=task]"));
        await page.Keyboard.TypeAsync("report");
        await Expect(page.GetByRole(AriaRole.Table, new() { Name = "Where tasks live" }).Locator("tbody tr")).ToHaveCountAsync(1);

        await OpenAsync("Tasks", "Tasks and their experts");
        await TabToAsync(host, page.Locator(".segment").First);
        await page.Keyboard.PressAsync("End");
        await Expect(page.Locator(".readout")).ToContainTextAsync("expert 8");

        await OpenAsync("Versions", "Versions");
        await TabToAsync(host, page.GetByRole(AriaRole.Link, new() { Name = "History" }).First);
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.GetByText("What happened, newest first")).ToBeVisibleAsync();

        await OpenAsync("Tenants", "Tenants");
        await TabToAsync(host, page.GetByRole(AriaRole.Button, new() { Name = "New tenant" }));
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Dialog).GetByLabel("Name")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Escape");
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "New tenant" })).ToBeFocusedAsync();

        await OpenAsync("Audit", "Audit trail");
        await TabToAsync(host, page.GetByRole(AriaRole.Button, new() { Name = "Show records" }));
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.GetByText("records, newest first.")).ToBeVisibleAsync();

        await OpenAsync("Playground", "Playground");
        host.Grid.Send(new TokenChunk("yes", [1]), ConsoleHost.Finished);
        await TabToAsync(host, page.Locator("textarea[name=prompt]"));
        await page.Keyboard.TypeAsync("Fever?");
        await TabToAsync(host, page.GetByRole(AriaRole.Button, new() { Name = "Generate" }));
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.GetByText("Provenance")).ToBeVisibleAsync();

        async Task OpenAsync(string tab, string heading)
        {
            await TabToAsync(host, page.Locator("#tabs").GetByRole(AriaRole.Link, new() { Name = tab, Exact = true }));
            await page.Keyboard.PressAsync("Enter");
            await Expect(page.GetByRole(AriaRole.Heading, new() { Name = heading, Exact = true, Level = 1 })).ToBeVisibleAsync();
        }
    }

    /// <summary>Presses Tab until an element has the focus, and sees that the focus shows.</summary>
    private static async Task TabToAsync(ConsoleHost host, ILocator target)
    {
        await Expect(target).ToBeVisibleAsync();
        for (int i = 0; i < 150; i++)
        {
            await host.Page.Keyboard.PressAsync("Tab");
            if (await target.EvaluateAsync<bool>("element => element === document.activeElement"))
            {
                Assert.NotEqual("none", await target.EvaluateAsync<string>("element => getComputedStyle(element).outlineStyle"));
                return;
            }
        }

        Assert.Fail($"Tab does not reach {target}.");
    }
}
