using System.Text.RegularExpressions;
using Microsoft.Playwright;
using MoeLora.Contracts;
using static Microsoft.Playwright.Assertions;

namespace MoeLora.Console.Tests;

/// <summary>What polling shows, and what the page says when the node does not answer.</summary>
[Collection(BrowserCollection.Name)]
public sealed class LiveTests(Browser browser)
{
    [BrowserFact]
    public async Task Polling_MovesThePlots_AndLeavesFocusAndTextAlone()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        await host.Page.Clock.InstallAsync();
        await host.SignInAsync();
        await Expect(host.Page.GetByRole(AriaRole.Heading, new() { Name = "node-1" })).ToBeVisibleAsync();

        await host.PassTimeAsync(3);

        await Expect(host.Page.Locator(".chart").First).ToContainTextAsync("generated");
        await Expect(host.Page.Locator(".chart").First.Locator("b").First).ToHaveTextAsync(new Regex("^\\d+"));
        await Expect(host.Page.Locator(".chart").Nth(2).Locator("b").First).ToHaveTextAsync(new Regex(" ms$"));
        await host.Page.Locator("#tabs").GetByText("Tasks").ClickAsync();
        ILocator find = host.Page.GetByLabel("Find").Filter(new() { Visible = true }); // the cluster's page has one too
        await find.FillAsync("report");
        await host.PassTimeAsync(2, changing: ".bar-row .bar-facts");
        await Expect(find).ToBeFocusedAsync();
        await Expect(find).ToHaveValueAsync("report");
        await Expect(host.Page.Locator(".bar-row")).ToHaveCountAsync(1);
    }

    [BrowserFact]
    public async Task Node_ThatDoesNotAnswer_IsSaidToBeLost_AndWhatWasKnownStays()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        await host.SignInAsync();
        await Expect(host.Page.GetByRole(AriaRole.Heading, new() { Name = "node-1" })).ToBeVisibleAsync();
        host.Expected.Add("503");

        host.Overview.Refusal = new GridError(GridErrorKind.Unavailable, "The database cannot be reached.");

        await Expect(host.Page.Locator("#connection")).ToContainTextAsync("The database cannot be reached. Shown is the state of");
        await Expect(host.Page.GetByRole(AriaRole.Heading, new() { Name = "node-1" })).ToBeVisibleAsync();
        host.Overview.Refusal = null;
        await Expect(host.Page.Locator("#connection")).ToHaveTextAsync("");
    }

    [BrowserFact]
    public async Task Node_ThatIsGone_IsSaidToBe()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        host.Expected.Add("Failed to load resource");
        await host.SignInAsync();
        await Expect(host.Page.GetByRole(AriaRole.Heading, new() { Name = "node-1" })).ToBeVisibleAsync();

        await host.StopNodeAsync();

        await Expect(host.Page.Locator("#connection")).ToContainTextAsync("The node cannot be reached. Shown is the state of");
        await Expect(host.Page.GetByRole(AriaRole.Heading, new() { Name = "node-1" })).ToBeVisibleAsync();
    }

    [BrowserFact]
    public async Task Plots_AfterMissedPolls_AreStillLines()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        await host.Page.Clock.InstallAsync();
        await host.SignInAsync();
        await Expect(host.Page.GetByRole(AriaRole.Heading, new() { Name = "node-1" })).ToBeVisibleAsync();

        await host.PassTimeAsync(4, secondsApart: 55); // the window of latencies is 30 s

        string[] lines = await host.Page.Locator(".plot path").EvaluateAllAsync<string[]>("all => all.map(one => one.getAttribute('d'))");
        Assert.Equal(11, lines.Length);
        Assert.All(lines, line => Assert.Matches("^M[^M]*(L[^M]*){3,}$", line));
    }
}
