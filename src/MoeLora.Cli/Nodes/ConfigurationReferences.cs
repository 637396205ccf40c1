using System.Text;

namespace MoeLora.Cli.Nodes;

/// <summary>
/// What a configuration takes from where it runs: <c>${NAME}</c> in a value is an environment variable, <c>${file:PATH}</c> what a file holds, without the line breaks at
/// its end. <c>$${</c> stands for <c>${</c>. So one file serves many machines, and no password is in it.
/// </summary>
internal static class ConfigurationReferences
{
    private const string Opening = "${";
    private const string FilePrefix = "file:";

    /// <summary>A value with its references replaced. What is put in is not looked at again.</summary>
    /// <exception cref="FormatException">One names nothing that is there. The message holds the reference, never what it stands for.</exception>
    public static string Resolve(string value)
    {
        if (!value.Contains(Opening, StringComparison.Ordinal))
            return value;
        var text = new StringBuilder();
        int at = 0;
        while (value.IndexOf(Opening, at, StringComparison.Ordinal) is >= 0 and int start)
        {
            if (start > at && value[start - 1] == '$')
            {
                text.Append(value, at, start - at - 1).Append(Opening);
                at = start + Opening.Length;
                continue;
            }

            int end = value.IndexOf('}', start);
            if (end < 0)
                throw new FormatException($"'{value[start..]}' has no closing brace; write ${{NAME}}, ${{file:PATH}}, or $${{ for the characters themselves.");
            text.Append(value, at, start - at).Append(Read(value[(start + Opening.Length)..end]));
            at = end + 1;
        }

        return text.Append(value, at, value.Length - at).ToString();
    }

    private static string Read(string reference)
    {
        if (!reference.StartsWith(FilePrefix, StringComparison.Ordinal))
        {
            // An empty variable is as good as none: something that should have set it did not.
            return Environment.GetEnvironmentVariable(reference) is { Length: > 0 } variable
                ? variable
                : throw new FormatException($"${{{reference}}}: there is no environment variable '{reference}'.");
        }

        string path = reference[FilePrefix.Length..];
        try
        {
            return File.ReadAllText(path).TrimEnd('\r', '\n');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new FormatException($"${{{reference}}}: the file cannot be read: {e.Message}");
        }
    }
}
