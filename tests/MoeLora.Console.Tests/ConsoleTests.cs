using System.Globalization;
using Microsoft.Playwright;
using MoeLora.Console.Tests.Fakes;
using MoeLora.Contracts;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using static Microsoft.Playwright.Assertions;

namespace MoeLora.Console.Tests;

/// <summary>The console page in a real browser. Each test also fails when the page logs an error, breaks its content policy, or calls elsewhere.</summary>
public sealed class ConsoleTests(Browser browser) : IClassFixture<Browser>
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
        foreach ((string key, string tabs) in new[] { ("operator", "Overview Tasks Versions Playground"), ("admin", "Tenants Audit Playground"), ("inference", "Playground") })
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
    public async Task Bars_AreAsWideAsTheGatesWeights()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);

        await host.OpenAsync("Tasks");

        ILocator rows = host.Page.Locator(".bar-row");
        await Expect(rows).ToHaveCountAsync(13); // of active versions only
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

    [BrowserFact]
    public async Task Keyboard_IsEnough()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        IKeyboard keyboard = host.Page.Keyboard;

        await Expect(host.Page.GetByLabel("API key")).ToBeFocusedAsync();
        await keyboard.TypeAsync("all");
        await keyboard.PressAsync("Enter");
        await Expect(host.Page.GetByRole(AriaRole.Heading, new() { Name = "Overview" })).ToBeVisibleAsync();
        await TabToAsync(AriaRole.Link, "Versions");
        await keyboard.PressAsync("Enter");
        await TabToAsync(AriaRole.Button, "Activate triage@2026.11.2");
        Assert.NotEqual("none", await host.Page.EvaluateAsync<string>("getComputedStyle(document.activeElement).outlineStyle"));
        await keyboard.PressAsync("Enter");
        await Expect(host.Page.GetByRole(AriaRole.Dialog)).ToBeVisibleAsync();
        await keyboard.PressAsync("Enter");

        await Expect(host.Page.GetByText("triage@2026.11.2 is active.")).ToBeVisibleAsync();

        async Task TabToAsync(AriaRole role, string name)
        {
            ILocator target = host.Page.GetByRole(role, new() { Name = name, Exact = true });
            await Expect(target).ToBeVisibleAsync();
            for (int i = 0; i < 60; i++)
            {
                await keyboard.PressAsync("Tab");
                if (await target.EvaluateAsync<bool>("element => element === document.activeElement"))
                    return;
            }

            Assert.Fail($"Tab does not reach '{name}'.");
        }
    }

    [BrowserFact]
    public async Task Polling_MovesThePlots_AndLeavesFocusAndTextAlone()
    {
        await using ConsoleHost host = await ConsoleHost.StartAsync(browser);
        await host.Page.Clock.InstallAsync();
        await host.SignInAsync();
        await Expect(host.Page.GetByRole(AriaRole.Heading, new() { Name = "node-1" })).ToBeVisibleAsync();

        await host.PassTimeAsync(3);

        await Expect(host.Page.Locator(".chart").First).ToContainTextAsync("generated");
        await Expect(host.Page.Locator(".chart").First.Locator("b").First).ToHaveTextAsync(new System.Text.RegularExpressions.Regex("^\\d+"));
        await Expect(host.Page.Locator(".chart").Nth(2).Locator("b").First).ToHaveTextAsync(new System.Text.RegularExpressions.Regex(" ms$"));
        await host.Page.Locator("#tabs").GetByText("Tasks").ClickAsync();
        await host.Page.GetByLabel("Find").FillAsync("report");
        await host.PassTimeAsync(2, ".bar-row .bar-facts");
        await Expect(host.Page.GetByLabel("Find")).ToBeFocusedAsync();
        await Expect(host.Page.GetByLabel("Find")).ToHaveValueAsync("report");
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
}
