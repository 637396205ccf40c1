using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace MoeLora.Contracts;

/// <summary>
/// What a caller names as the model: a task by name or id, as <c>task</c>, <c>bank/task</c>, or either with <c>@version</c>. A grid looks
/// for a task of exactly this name first, then splits the text at its last <c>@</c> and its first <c>/</c>, and reads what is left
/// as a task id only when there is no task of this name.
/// </summary>
public readonly record struct ModelRef
{
    /// <summary>Longest reference in UTF-16 units.</summary>
    public const int MaxLength = 256;

    private readonly string? _text;

    private ModelRef(string text) => _text = text;

    /// <summary>The text as the caller wrote it.</summary>
    public string Text => _text ?? "";

    /// <summary>The task id that the text spells in plain decimal digits; null when it spells none.</summary>
    public int? TaskId => int.TryParse(Text, NumberStyles.None, CultureInfo.InvariantCulture, out int id) ? id : null;

    /// <summary>The text in its parts; what is not there is null.</summary>
    public (string? Bank, string TaskText, string? Version) Split()
    {
        string rest = Text;
        int at = rest.LastIndexOf('@');
        string? version = at > 0 && at < rest.Length - 1 ? rest[(at + 1)..] : null;
        if (version is not null)
            rest = rest[..at];
        int slash = rest.IndexOf('/', StringComparison.Ordinal);
        return slash > 0 && slash < rest.Length - 1 ? (rest[..slash], rest[(slash + 1)..], version) : (null, rest, version);
    }

    /// <summary>Reads a reference: 1 to <see cref="MaxLength"/> characters, no control characters, no white space at either end.</summary>
    /// <param name="text">What the caller wrote.</param>
    /// <param name="model">The reference.</param>
    /// <param name="problem">Why the text is none, as the end of a sentence that begins with its name.</param>
    public static bool TryParse(string? text, out ModelRef model, [NotNullWhen(false)] out string? problem)
    {
        model = default;
        problem = text switch
        {
            null or "" => "must not be empty",
            { Length: > MaxLength } => $"must be at most {MaxLength} characters long",
            _ when text.Any(char.IsControl) => "must not contain control characters",
            _ when char.IsWhiteSpace(text[0]) || char.IsWhiteSpace(text[^1]) => "must not begin or end with white space",
            _ => null,
        };
        if (problem is not null)
            return false;
        model = new ModelRef(text!);
        return true;
    }

    /// <summary>Reads a reference that is known to be one.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static ModelRef Parse(string text) =>
        TryParse(text, out ModelRef model, out string? problem) ? model : throw new FormatException($"A model reference {problem}.");

    /// <inheritdoc/>
    public override string ToString() => Text;
}
