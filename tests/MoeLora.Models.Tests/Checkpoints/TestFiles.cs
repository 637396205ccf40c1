namespace MoeLora.Models.Tests.Checkpoints;

/// <summary>Finds the repository's test data.</summary>
internal static class TestFiles
{
    private static readonly string Data = FindData();

    public static string Path(params string[] parts) => System.IO.Path.Combine([Data, .. parts]);

    private static string FindData()
    {
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(directory.FullName, "MoeLora.Grid.sln")))
                return System.IO.Path.Combine(directory.FullName, "tests", "data");
        }

        throw new InvalidOperationException("The tests must run inside the repository: there is no MoeLora.Grid.sln above them.");
    }
}

/// <summary>A directory of its own for one test, removed afterwards.</summary>
internal sealed class TempDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("moelora-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public string Write(string name, byte[] content)
    {
        System.IO.File.WriteAllBytes(File(name), content);
        return File(name);
    }

    public string Write(string name, string content) => Write(name, System.Text.Encoding.UTF8.GetBytes(content));

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
