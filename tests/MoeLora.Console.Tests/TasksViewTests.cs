using System.Globalization;
using Microsoft.Playwright;
using MoeLora.Console.Tests.Fakes;
using MoeLora.Contracts.Rollouts;
using static Microsoft.Playwright.Assertions;

namespace MoeLora.Console.Tests;

/// <summary>Bars of the experts' weights, and the same as numbers.</summary>
[Collection(BrowserCollection.Name)]
public sealed class TasksViewTests(Browser browser)
{
    [BrowserFact]
    public async Task Bars_AreAsWideAsTheGatesWeights()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);

        await host.OpenAsync("Tasks");

        ILocator rows = host.Page.Locator(".bar-row");
        await Expect(rows).ToHaveCountAsync(8); // of active versions only
        ILocator segments = rows.Nth(2).Locator(".segment");
        double[] widths = await segments.EvaluateAllAsync<double[]>("all => all.map(one => one.getBoundingClientRect().width)");
        string[] texts = await segments.EvaluateAllAsync<string[]>("all => all.map(one => one.getAttribute('aria-label'))");
        float[] weights = FakeOverview.Weights(2);
        for (int expert = 0; expert < 8; expert++)
        {
            Assert.Equal(string.Create(CultureInfo.InvariantCulture, $"expert {expert + 1}: {100 * weights[expert]:0.0}\u00a0%"), texts[expert]);
            Assert.Equal(weights[expert], widths[expert] / widths.Sum(), 0.002); // a pixel in about 700
        }

        await host.Page.GetByLabel("Numbers").CheckAsync();
        await Expect(host.Page.GetByRole(AriaRole.Row, new() { Name = "diagnosis coding" }).GetByRole(AriaRole.Cell).Nth(1)).ToHaveTextAsync(weights[0].ToString("0.0000", CultureInfo.InvariantCulture));
    }

    [BrowserFact]
    public async Task Bars_AreReadByKeyboardAndPointer()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        await host.OpenAsync("Tasks");
        ILocator readout = host.Page.Locator(".readout");

        await host.Page.Locator(".segment[tabindex='0']").FocusAsync();
        await host.Page.Keyboard.PressAsync("ArrowRight");
        await host.Page.Keyboard.PressAsync("ArrowDown");

        await Expect(readout).ToHaveTextAsync(string.Create(CultureInfo.InvariantCulture, $"triage/named entity normalisation, expert 2: ω = {FakeOverview.Weights(1)[1]:0.0000} ({100 * FakeOverview.Weights(1)[1]:0.0} %)"));
        await host.Page.Locator(".bar-row").Nth(3).Locator(".segment").Nth(4).HoverAsync();
        await Expect(readout).ToContainTextAsync("medical inquiry intent, expert 5");
    }

    [BrowserFact]
    public async Task Tasks_OfAnyNumber_AndLongNames_FitAPhone()
    {
        string name = string.Concat(Enumerable.Repeat("a-very-long-task-name-", 12));
        await using ConsoleHost host = await ConsoleHost.StartAsync(
            browser,
            prepared =>
            {
                prepared.Rollouts.Add(string.Concat(Enumerable.Repeat("bank", 16)), new string('1', 60), RolloutState.Active, Enumerable.Range(0, 100).ToDictionary(id => id, id => $"{name}{id}"), TimeSpan.FromDays(400));
                for (int i = 0; i < 40; i++)
                    prepared.Rollouts.Add("many", $"{i}", RolloutState.Retired, new Dictionary<int, string>(), TimeSpan.FromDays(i));
            },
            new() { ViewportSize = new() { Width = 360, Height = 740 } });

        await host.OpenAsync("Tasks");
        await Expect(host.Page.Locator(".bar-row")).ToHaveCountAsync(100);
        Assert.False(await host.ScrollsSidewaysAsync(), "tasks");
        await host.Page.Locator("#tabs").GetByText("Versions").ClickAsync();
        await Expect(host.Page.GetByText("40 versions")).ToBeVisibleAsync();
        Assert.False(await host.ScrollsSidewaysAsync(), "versions");
        await host.Page.Locator("#tabs").GetByText("Playground").ClickAsync();
        await Expect(host.Page.GetByRole(AriaRole.Button, new() { Name = "Generate" })).ToBeEnabledAsync();
        Assert.False(await host.ScrollsSidewaysAsync(), "playground");
    }
}
