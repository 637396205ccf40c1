namespace MoeLora.Grid.Tests;

/// <summary>The demo's model, bundles and records, which lie in the repository.</summary>
internal static class DemoFiles
{
    private static readonly string Directory = Path.Combine(Repository(), "deploy", "demo", "files");

    public static string Base => Path.Combine(Directory, "base");

    public static string Records => Path.Combine(Directory, "test.jsonl");

    public static string Bundle(int version) => Path.Combine(Directory, $"v{version}");

    private static string Repository()
    {
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "MoeLora.Grid.sln")))
                return directory.FullName;
        }

        throw new DirectoryNotFoundException("No folder above the tests holds MoeLora.Grid.sln.");
    }
}
