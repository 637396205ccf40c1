namespace MoeLora.Serving.Tests;

/// <summary>A directory of a test, removed with it. In memory where the machine has such a place: what is flushed to a disk costs the tests minutes.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Make("moelora-");

    public static string Make(string prefix)
    {
        const string memory = "/dev/shm";
        return Directory.Exists(memory) ? Directory.CreateDirectory($"{memory}/{prefix}{Guid.NewGuid():N}").FullName : Directory.CreateTempSubdirectory(prefix).FullName;
    }

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public void Dispose()
    {
        if (Directory.Exists(Path))
            Directory.Delete(Path, recursive: true);
    }
}
