namespace MoeLora.Gateway.Tests.OpenAi;

/// <summary>A test that needs node and OpenAI's package; skipped, with a word why, where one is missing.</summary>
public sealed class NodeFactAttribute : FactAttribute
{
    /// <summary>Looks for both.</summary>
    public NodeFactAttribute()
    {
        bool node = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, "node")) || File.Exists(Path.Combine(folder, "node.exe")));
        Skip = !node ? "node is not on PATH"
            : !Directory.Exists(Path.Combine(Folder, "node_modules", "openai")) ? "OpenAI's package is not there: run tests/openai-client/install.sh"
            : null;
    }

    /// <summary>Where the package and its checks are.</summary>
    public static string Folder { get; } = Find();

    private static string Find()
    {
        DirectoryInfo? root = new(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "MoeLora.Grid.sln")))
            root = root.Parent;
        return Path.Combine(root?.FullName ?? throw new DirectoryNotFoundException("The repository's root was not found."), "tests", "openai-client");
    }
}
