using MoeLora.Contracts.Tenants;

namespace MoeLora.Cli.Nodes;

/// <summary>
/// A file for a new admin's key that nobody but the node's user can read. It is made before the key is, so that a place that cannot be written to does not cost the
/// only key; without a key nothing of it stays.
/// </summary>
internal sealed class AdminKeyFile : IDisposable
{
    /// <summary>The name of the first key's in the state directory, where no other file is named.</summary>
    public const string FirstName = "first-admin-key";

    private readonly string _path;
    private readonly string _draft;

    /// <exception cref="IOException">It cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be made.</exception>
    public AdminKeyFile(string path)
    {
        _path = Path.GetFullPath(path);
        _draft = _path + ".new";
        File.Delete(_draft);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        new FileStream(_draft, options).Dispose();
    }

    /// <summary>Puts the key in place.</summary>
    /// <returns>The file's path.</returns>
    public string Keep(NewApiKey key)
    {
        File.WriteAllText(_draft, key.Secret + "\n");
        File.Move(_draft, _path, overwrite: true);
        return _path;
    }

    public void Dispose() => File.Delete(_draft);
}
