using Microsoft.Playwright;
using MoeLora.Console.Tests.Fakes;
using static Microsoft.Playwright.Assertions;

namespace MoeLora.Console.Tests;

/// <summary>Pages of others, such as the Orleans Dashboard: who has signed in to the console as an administrator just follows a link.</summary>
[Collection(BrowserCollection.Name)]
public sealed class OtherPagesTests(Browser browser)
{
    [BrowserFact]
    public async Task Link_OfAnAdministrator_OpensWithoutAnotherQuestion_UntilSignedOut()
    {
        await using ConsoleHost host = await StartAsync();
        await host.SignInAsync();

        await host.Page.GetByRole(AriaRole.Link, new() { Name = "Others" }).ClickAsync();

        await Expect(host.Page.GetByText("What only administrators see.")).ToBeVisibleAsync(); // fetched by the page itself
        Assert.Empty(await host.Page.EvaluateAsync<string>("document.cookie")); // no script reads the ticket
        await host.Page.GoBackAsync();
        await host.Page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await Expect(host.Page.GetByLabel("API key")).ToBeVisibleAsync();
        Assert.Equal(401, await StatusAsync(host));
    }

    [BrowserFact]
    public async Task Ticket_OfAKeyThatIsRevoked_IsWorthNothing()
    {
        await using ConsoleHost host = await StartAsync();
        await host.SignInAsync();
        await host.Page.GetByRole(AriaRole.Link, new() { Name = "Others" }).ClickAsync();
        await Expect(host.Page.GetByText("What only administrators see.")).ToBeVisibleAsync();

        Assert.Equal(200, await StatusAsync(host));

        host.Directory.RefusesAll = true;

        Assert.Equal(401, await StatusAsync(host));
    }

    [BrowserFact]
    public async Task Link_OfAnOperator_IsNotThere_AndNoTicketIsGiven()
    {
        await using ConsoleHost host = await StartAsync();
        await host.SignInAsync("operator");
        await Expect(host.Page.GetByRole(AriaRole.Link, new() { Name = "Overview" })).ToBeVisibleAsync();

        await Expect(host.Page.GetByRole(AriaRole.Link, new() { Name = "Others" })).ToHaveCountAsync(0);
        IAPIResponse refused = await host.Page.APIRequest.PostAsync($"{host.Address}/others/session", new() { Headers = [new("Authorization", "Bearer operator")] });
        Assert.Equal(403, refused.Status);
        Assert.Equal(401, await StatusAsync(host));
    }

    private Task<ConsoleHost> StartAsync() => ConsoleHost.StartAsync(browser, host =>
    {
        Hospital.Fill(host.Rollouts, host.Trail);
        host.Pages = [new FakePages()];
    });

    /// <summary>What the browser's cookies are worth there; not by the page, which would wait for its reader to answer the browser's own dialogue.</summary>
    private static async Task<int> StatusAsync(ConsoleHost host) => (await host.Page.APIRequest.GetAsync($"{host.Address}/others/data")).Status;
}
