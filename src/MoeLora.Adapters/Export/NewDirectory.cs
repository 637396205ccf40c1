namespace MoeLora.Adapters.Export;

/// <summary>Makes a directory that appears whole or not at all, and never replaces anything.</summary>
internal static class NewDirectory
{
    /// <summary>Fills a temporary directory beside <paramref name="path"/>, then renames it.</summary>
    /// <exception cref="AdapterException">Something is already there, or it cannot be written.</exception>
    public static void Create(string path, Action<string> fill)
    {
        string subject = $"The directory '{path}'";
        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        string? parent = Path.GetDirectoryName(target);
        if (parent is null || Path.Exists(target))
            throw new AdapterException(subject, ["it is already there, and nothing is ever overwritten; choose another or remove it."]);
        string temporary = Path.Combine(parent, $".{Path.GetFileName(target)}.{Guid.NewGuid():N}.tmp");
        try
        {
            Directory.CreateDirectory(temporary);
            fill(temporary);
            Directory.Move(temporary, target);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AdapterException(subject, [$"it cannot be written: {e.Message}"], e);
        }
        finally
        {
            if (Directory.Exists(temporary))
                Directory.Delete(temporary, recursive: true);
        }
    }
}
