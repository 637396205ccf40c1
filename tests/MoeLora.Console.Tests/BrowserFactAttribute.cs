namespace MoeLora.Console.Tests;

/// <summary>A test that needs a real Chromium, and is skipped, saying so, where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class BrowserFactAttribute : FactAttribute
{
    private static readonly string[] Names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

    public BrowserFactAttribute()
    {
        if (Chromium is null)
            Skip = "No Chromium was found: run tests/install-chromium.sh, or name one in MOELORA_CHROMIUM.";
    }

    /// <summary>The browser's program; null where there is none.</summary>
    public static string? Chromium { get; } = Environment.GetEnvironmentVariable("MOELORA_CHROMIUM")
        ?? (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .SelectMany(folder => Names.Select(name => Path.Combine(folder, name)))
            .FirstOrDefault(File.Exists);
}
