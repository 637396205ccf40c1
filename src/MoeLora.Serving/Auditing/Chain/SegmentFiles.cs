using System.Globalization;

namespace MoeLora.Serving.Auditing.Chain;

/// <summary>The names in a trail's directory.</summary>
internal static class SegmentFiles
{
    /// <summary>How a segment's name ends.</summary>
    public const string Extension = ".audit";

    /// <summary>The file that holds the last record that was acknowledged.</summary>
    public const string HeadFile = "head";

    /// <summary>The file that a writer holds open, so that there is only one.</summary>
    public const string LockFile = "lock";

    /// <summary>The name of a segment: its first record's place in 19 digits, so that names sort like records.</summary>
    public static string Name(long first) => first.ToString("D19", CultureInfo.InvariantCulture) + Extension;

    /// <summary>The segments of these directories in the order of their names.</summary>
    public static List<string> List(params IEnumerable<string> directories) =>
        [.. directories.SelectMany(directory => Directory.EnumerateFiles(directory, "*" + Extension)).OrderBy(Path.GetFileName, StringComparer.Ordinal)];
}
