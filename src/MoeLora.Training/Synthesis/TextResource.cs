using System.Reflection;

namespace MoeLora.Training.Synthesis;

/// <summary>Text files that are part of this library.</summary>
internal static class TextResource
{
    /// <summary>The lines of a file in this folder, without those that are empty or begin with <c>#</c>.</summary>
    public static IEnumerable<string> Lines(string file)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"MoeLora.Training.Synthesis.{file}")!;
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
            if (line.Length > 0 && line[0] != '#')
                yield return line;
    }
}
