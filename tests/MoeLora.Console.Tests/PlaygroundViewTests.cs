using Microsoft.Playwright;
using MoeLora.Contracts;
using static Microsoft.Playwright.Assertions;

namespace MoeLora.Console.Tests;

/// <summary>Answers as they come, and where they came from.</summary>
[Collection(BrowserCollection.Name)]
public sealed class PlaygroundViewTests(Browser browser)
{
    [BrowserFact]
    public async Task Playground_ShowsTokensAsTheyCome_ThenWhereTheyCameFrom()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        await host.OpenAsync("Playground");
        ILocator answer = host.Page.GetByLabel("Answer", new() { Exact = true }).And(host.Page.Locator("pre"));

        await host.Page.Locator("select[name=task]").SelectOptionAsync("triage/diagnosis coding");
        await host.Page.GetByRole(AriaRole.Combobox, new() { Name = "Version", Exact = true }).SelectOptionAsync("2026.11.2");
        await host.Page.Locator("textarea[name=prompt]").FillAsync("Code:");
        await host.Page.Locator("select[name=shape]").SelectOptionAsync("choice");
        await host.Page.GetByLabel("Choices, one on each line").FillAsync("yes\nno\n");
        await host.Page.GetByRole(AriaRole.Button, new() { Name = "Generate" }).ClickAsync();
        host.Grid.Send(new TokenChunk("<i>one", [1]));
        await Expect(answer).ToHaveTextAsync("<i>one"); // before the rest is there
        host.Grid.Send(new TokenChunk(" two", [2]), ConsoleHost.Finished);

        await Expect(answer).ToHaveTextAsync("<i>one two");
        await Expect(host.Page.GetByText("sha256:4d7be21a")).ToBeVisibleAsync();
        await Expect(host.Page.GetByText("31 tokens read, 7 generated.")).ToBeVisibleAsync();
        Assert.Equal("triage/diagnosis coding@2026.11.2", host.Grid.LastRequest!.Model.ToString());
        Assert.Equal(["yes", "no"], Assert.IsType<ChoiceOutput>(host.Grid.LastRequest.Constraint).Options);
        Assert.DoesNotContain("all", new Uri(host.Page.Url).Query);
    }

    [BrowserFact]
    public async Task Playground_AnswerThatBreaksOff_DoesNotLookComplete()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        await host.OpenAsync("Playground", "inference");
        await host.Page.Locator("textarea[name=prompt]").FillAsync("Code:");
        await host.Page.GetByRole(AriaRole.Button, new() { Name = "Generate" }).ClickAsync();

        host.Grid.Send(new TokenChunk("half", [1]), new GenerationFailed(new GridError(GridErrorKind.Unavailable, "The version was retired.")));

        await Expect(host.Page.GetByRole(AriaRole.Alert)).ToHaveTextAsync("The version was retired.");
        await Expect(host.Page.GetByText("What is shown is not a complete answer.")).ToBeVisibleAsync();
    }
}
