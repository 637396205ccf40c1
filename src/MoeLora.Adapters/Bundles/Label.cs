namespace MoeLora.Adapters.Bundles;

/// <summary>The rule that names and versions of bundles share: they are parts of paths, addresses and <c>task@version</c>.</summary>
internal static class Label
{
    private const int MaxLength = 64;

    public static string Rule(string what) =>
        $"An adapter's {what} has 1 to {MaxLength} ASCII letters, digits, '.', '-' and '_', and begins with a letter or digit.";

    public static bool IsValid(string value) =>
        value.Length is >= 1 and <= MaxLength && char.IsAsciiLetterOrDigit(value[0]) && value.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');
}
