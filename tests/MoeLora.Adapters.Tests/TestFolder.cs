namespace MoeLora.Adapters.Tests;

/// <summary>A temporary folder of one test.</summary>
internal sealed class TestFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("moelora-adapters-");

    public string Path => _folder.FullName;

    public string At(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Copies a flat directory into this folder.</summary>
    public string Copy(string directory, string name)
    {
        string target = Directory.CreateDirectory(At(name)).FullName;
        foreach (string file in Directory.EnumerateFiles(directory))
            File.Copy(file, System.IO.Path.Combine(target, System.IO.Path.GetFileName(file)));
        return target;
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
