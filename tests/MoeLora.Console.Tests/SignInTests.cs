using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace MoeLora.Console.Tests;

/// <summary>Who comes in and what is shown to whom.</summary>
[Collection(BrowserCollection.Name)]
public sealed class SignInTests(Browser browser)
{
    [BrowserFact]
    public async Task SignIn_WithAWrongKey_SaysSoInTheApisWords_AndTheRightOneEnters()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        host.Expected.Add("401");

        await host.SignInAsync("wrong");
        await Expect(host.Page.GetByRole(AriaRole.Alert)).ToHaveTextAsync("The key is not valid.");
        await host.SignInAsync();

        await Expect(host.Page.GetByRole(AriaRole.Heading, new() { Name = "Overview" })).ToBeVisibleAsync();
        await Expect(host.Page.GetByText("ward-7 · inference, operator, admin")).ToBeVisibleAsync();
        await host.Page.ReloadAsync(); // the tab remembers, until one signs out
        await host.Page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await Expect(host.Page.GetByLabel("API key")).ToBeFocusedAsync();
        Assert.Null(await host.Page.EvaluateAsync<string?>("sessionStorage.getItem('moelora.key')"));
        Assert.Equal($"{host.Address}/console/", host.Page.Url);
    }

    [BrowserFact]
    public async Task Roles_DecideWhatIsShown()
    {
        foreach ((string key, string tabs) in new[] { ("operator", "Overview Cluster Tasks Versions Playground"), ("admin", "Tenants Audit Playground"), ("inference", "Playground") })
        {
            await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
            await host.SignInAsync(key);
            await Expect(host.Page.Locator("#tabs a")).ToHaveTextAsync(tabs.Split(' '));
        }
    }

    [BrowserFact]
    public async Task Key_WithoutARole_IsToldWhichItNeeds()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        host.Expected.Add("403");

        await host.SignInAsync("none");

        await Expect(host.Page.GetByRole(AriaRole.Alert)).ToHaveTextAsync("This needs the role 'inference' or 'operator' or 'admin', which the caller does not have.");
    }

    [BrowserFact]
    public async Task Caller_WhoNeedsNoKey_IsNotAskedForOne()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser, anonymous: true);

        await Expect(host.Page.GetByText("local · inference, operator, admin")).ToBeVisibleAsync();
        await Expect(host.Page.GetByRole(AriaRole.Button, new() { Name = "Sign out" })).ToBeHiddenAsync();
    }

    [BrowserFact]
    public async Task Key_ThatIsRevokedWhileSignedIn_IsToldSo_AndSignedOut()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        host.Expected.Add("401");
        await host.SignInAsync();
        await Expect(host.Page.GetByRole(AriaRole.Heading, new() { Name = "node-1" })).ToBeVisibleAsync();

        host.Directory.RefusesAll = true;

        await Expect(host.Page.GetByRole(AriaRole.Alert)).ToHaveTextAsync("The key is not valid.");
        await Expect(host.Page.GetByLabel("API key")).ToBeFocusedAsync();
        await Expect(host.Page.Locator("#top")).ToBeHiddenAsync();
        host.Directory.RefusesAll = false;
        await host.SignInAsync();
        await Expect(host.Page.GetByRole(AriaRole.Heading, new() { Name = "node-1" })).ToBeVisibleAsync();
    }
}
