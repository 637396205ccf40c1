using Microsoft.Playwright;

namespace MoeLora.Console.Tests;

/// <summary>One browser for all tests, which run one after the other: on a small machine several pages at once only wait for each other.</summary>
[CollectionDefinition(Name)]
public sealed class BrowserCollection : ICollectionFixture<Browser>
{
    public const string Name = "browser";
}

/// <summary>A real Chromium, where there is one; each page gets a context of its own.</summary>
public sealed class Browser : IAsyncLifetime
{
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public Task<IBrowserContext> OpenAsync(BrowserNewContextOptions options) => _browser!.NewContextAsync(options);

    public async Task InitializeAsync()
    {
        if (BrowserFactAttribute.Chromium is not { } path)
            return;
        _playwright = await Playwright.CreateAsync();
        // Inside containers Chromium's own sandbox cannot be set up; only pages of this test are loaded. A busy machine may take long to start it.
        _browser = await _playwright.Chromium.LaunchAsync(new() { ExecutablePath = path, Args = ["--no-sandbox", "--disable-dev-shm-usage"], Timeout = 180_000 });
    }

    public async Task DisposeAsync()
    {
        if (_browser is not null)
            await _browser.DisposeAsync();
        _playwright?.Dispose();
    }
}
