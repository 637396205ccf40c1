using Microsoft.Playwright;
using MoeLora.Console.Tests.Fakes;
using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using static Microsoft.Playwright.Assertions;

namespace MoeLora.Console.Tests;

/// <summary>Silos, the versions on each, and where tasks live.</summary>
[Collection(BrowserCollection.Name)]
public sealed class ClusterViewTests(Browser browser)
{
    [BrowserFact]
    public async Task Silos_ShowWhatTheyAre_AndWhyOneDoesNotFollow()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);

        await host.OpenAsync("Cluster");

        ILocator silos = host.Page.GetByRole(AriaRole.Table, new() { Name = "Silos", Exact = true });
        await Expect(silos.Locator("tbody tr")).ToHaveCountAsync(3);
        await Expect(silos.GetByRole(AriaRole.Row, new() { Name = "node-1" })).ToContainTextAsync("ready");
        await Expect(silos.GetByRole(AriaRole.Row, new() { Name = "node-1" })).ToContainTextAsync("10.0.0.1:11111");
        await Expect(silos.GetByRole(AriaRole.Row, new() { Name = "node-1" })).ToContainTextAsync("23.0 GiB of 32.0 GiB");
        await Expect(silos.GetByRole(AriaRole.Row, new() { Name = "node-3" })).ToContainTextAsync("loading");
        await Expect(silos.GetByRole(AriaRole.Row, new() { Name = "node-3" })).ToContainTextAsync("cuda");
        await Expect(host.Page.Locator(".facts:visible")).ToContainTextAsync("2 of 3");
        ILocator triage = host.Page.GetByRole(AriaRole.Table, new() { Name = "Versions on each silo" }).Locator("tbody[data-key=triage]");
        await Expect(triage.GetByRole(AriaRole.Row, new() { Name = "node-2" })).ToContainTextAsync("2026.11.1");
        await Expect(triage.GetByRole(AriaRole.Row, new() { Name = "node-3" })).ToContainTextAsync("the bundle was made for other weights");
    }

    [BrowserFact]
    public async Task Tasks_AreFoundByNameAndSilo_WithEveryReplica()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        await host.OpenAsync("Cluster");
        ILocator rows = host.Page.GetByRole(AriaRole.Table, new() { Name = "Where tasks live" }).Locator("tbody tr");
        await Expect(rows).ToHaveCountAsync(6);

        await host.Page.Locator("select[name=silo]").SelectOptionAsync(new SelectOptionValue { Label = "node-2" });
        await Expect(rows).ToHaveCountAsync(3);
        await host.Page.Locator("input[name=task]").FillAsync("diagnosis");

        await Expect(rows).ToHaveCountAsync(1);
        await Expect(rows.First).ToContainTextAsync("2 replicas");
        await Expect(rows.First.Locator("[data-label='Lives on'] li")).ToHaveTextAsync(["node-1", "node-2"]);
        await Expect(rows.First.Locator("[data-label='Served'] li")).ToHaveTextAsync(["merged 640 MiB", "merged 640 MiB"]);
        await Expect(rows.First.Locator("[data-label='Requests'] li")).ToHaveTextAsync(["9", "8"]);
        await host.Page.Locator("input[name=task]").FillAsync("nothing");
        await Expect(host.Page.GetByText("No task matches.")).ToBeVisibleAsync();
    }

    [BrowserFact]
    public async Task NodeAlone_ShowsItself()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        host.Silos.Silos = [FakeSilos.With(host.Silos.Silo("node-1", 1), new SiloTask("triage", "symptom status", 0, 1, 0)) with { Address = null }];

        await host.OpenAsync("Cluster");

        await Expect(host.Page.GetByRole(AriaRole.Table, new() { Name = "Silos", Exact = true }).Locator("tbody tr")).ToContainTextAsync("a node alone");
        await Expect(host.Page.Locator("[data-label='Lives on']")).ToHaveTextAsync(["node-1"]);
    }

    [BrowserFact]
    public async Task Silos_SilentOrGoneOrRefused_AreSaidToBe()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        host.Silos.Silos = [host.Silos.Silo("node-1", 1) with { IsSilent = true, ReportAgeSeconds = 42 }];
        await host.OpenAsync("Cluster");
        await Expect(host.Page.GetByRole(AriaRole.Row, new() { Name = "node-1 silent" })).ToContainTextAsync("42 s ago");
        await Expect(host.Page.GetByText("No task lives anywhere yet")).ToBeVisibleAsync();

        host.Silos.Silos = [];
        await Expect(host.Page.GetByText("No silo has reported yet.")).ToBeVisibleAsync();
        host.Expected.Add("503");
        host.Silos.Refusal = new GridError(GridErrorKind.Unavailable, "The silos cannot be listed.");
        await Expect(host.Page.Locator("#connection")).ToContainTextAsync("The silos cannot be listed.");
    }

    [BrowserFact]
    public async Task Cluster_OfManyTasksAndLongNames_FitsAPhone()
    {
        string name = string.Concat(Enumerable.Repeat("a-very-long-task-name-", 12));
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser, options: new() { ViewportSize = new() { Width = 360, Height = 740 } });
        SiloOverview silo = host.Silos.Silo(string.Concat(Enumerable.Repeat("silo", 16)), 1);
        host.Silos.Silos = [silo with { Tasks = [.. Enumerable.Range(0, 1000).Select(i => new SiloTask("triage", $"{name}{i:000}", 0, 0, 0))], TaskCount = 12_345, DeviceKind = "cpu" }];

        await host.OpenAsync("Cluster");

        await Expect(host.Page.GetByText("800 more tasks; a search finds them.")).ToBeVisibleAsync();
        await Expect(host.Page.GetByText("names its 1,000 busiest of 12,345 tasks.")).ToBeVisibleAsync();
        Assert.False(await host.ScrollsSidewaysAsync());
    }
}
