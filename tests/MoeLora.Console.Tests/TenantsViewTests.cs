using Microsoft.Playwright;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Tenants;
using static Microsoft.Playwright.Assertions;

namespace MoeLora.Console.Tests;

/// <summary>Tenants, their keys, and the trail of what everybody did.</summary>
[Collection(BrowserCollection.Name)]
public sealed class TenantsViewTests(Browser browser)
{
    [BrowserFact]
    public async Task Keys_AreShownOnce_RotatedAndRevoked()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        await host.OpenAsync("Tenants");
        ILocator dialog = host.Page.GetByRole(AriaRole.Dialog);

        await host.Page.GetByRole(AriaRole.Link, new() { Name = "Keys of ward-7" }).ClickAsync();
        await host.Page.GetByRole(AriaRole.Button, new() { Name = "New key" }).ClickAsync();
        await dialog.GetByLabel("Label").FillAsync("lab");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Make key" }).ClickAsync();
        await Expect(dialog.GetByLabel("The key", new() { Exact = true })).ToHaveValueAsync("secret-of-lab");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "I have kept it" }).ClickAsync();
        await Expect(dialog).ToHaveCountAsync(0);
        Assert.DoesNotContain("secret-of-lab", await host.Page.ContentAsync());
        Assert.Equal(("lab", Roles.Inference), (host.Directory.Keys[0].Label, host.Directory.Keys[0].Roles));

        await host.Page.GetByRole(AriaRole.Button, new() { Name = "Rotate front desk" }).ClickAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Rotate" }).ClickAsync();
        await Expect(dialog.GetByLabel("The key", new() { Exact = true })).ToHaveValueAsync("secret-of-front desk");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "I have kept it" }).ClickAsync();

        await host.Page.GetByRole(AriaRole.Button, new() { Name = "Revoke night shift" }).ClickAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Revoke" }).ClickAsync();
        await Expect(host.Page.GetByRole(AriaRole.Row, new() { Name = "night shift" })).ToContainTextAsync("revoked");
    }

    [BrowserFact]
    public async Task Tenant_IsMadeWithItsLimits()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        await host.OpenAsync("Tenants");
        ILocator dialog = host.Page.GetByRole(AriaRole.Dialog);

        await host.Page.GetByRole(AriaRole.Button, new() { Name = "New tenant" }).ClickAsync();
        await dialog.GetByLabel("Name").FillAsync("Not a name");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Make tenant" }).ClickAsync();
        await Expect(dialog.GetByRole(AriaRole.Alert)).ToContainTextAsync("Name:");
        await dialog.GetByLabel("Name").FillAsync("surgery");
        await dialog.GetByLabel("Tokens per minute").FillAsync("5000");
        await dialog.GetByLabel("Tasks").FillAsync("triage/*, billing/ICD-10 code choice");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Make tenant" }).ClickAsync();

        await Expect(host.Page.GetByRole(AriaRole.Row, new() { Name = "surgery" })).ToContainTextAsync("of 5,000");
        Tenant made = host.Directory.Tenants[TenantId.Parse("surgery")];
        Assert.Equal((5000, null, true), (made.Limits.TokensPerMinute, made.Limits.RequestsPerMinute, made.Enabled));
        Assert.Equal(["triage/*", "billing/ICD-10 code choice"], made.Limits.AllowedTasks);
    }

    [BrowserFact]
    public async Task Audit_ThatIsBroken_IsSaidSo()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        host.Trail.Verdict = new AuditVerdict(9, 4, "The record was changed.", new string('b', 64));
        await host.OpenAsync("Audit", "admin");

        await host.Page.GetByRole(AriaRole.Button, new() { Name = "Verify the chain" }).ClickAsync();

        await Expect(host.Page.Locator(".verify")).ToContainTextAsync("broken at record 4: The record was changed.");
    }
}
