using System.Diagnostics.CodeAnalysis;

namespace MoeLora.Contracts.Tenants;

/// <summary>
/// The name of a tenant: lower-case letters, digits, <c>-</c> and <c>_</c>, 1 to 64 of them, a letter or digit first; <c>local</c> is the process itself, and
/// nobody's.
/// </summary>
public readonly record struct TenantId
{
    /// <summary>Longest name.</summary>
    public const int MaxLength = 64;

    private const string LocalText = "local";

    private readonly string? _text; // null: the process itself

    private TenantId(string text) => _text = text;

    /// <summary>
    /// Whoever calls a grid that has no tenants: the process itself. It has no limits, so no caller can be it: <see cref="TryParse"/>, which reads what callers
    /// write, refuses its name.
    /// </summary>
    public static TenantId Local => default;

    /// <summary>The name.</summary>
    public string Text => _text ?? LocalText;

    /// <summary>Reads a name that a caller may have.</summary>
    /// <param name="text">What somebody wrote.</param>
    /// <param name="tenant">The name.</param>
    /// <param name="problem">Why the text is none, as the end of a sentence that begins with its name.</param>
    public static bool TryParse(string? text, out TenantId tenant, [NotNullWhen(false)] out string? problem)
    {
        tenant = default;
        problem = text switch
        {
            null or "" => "must not be empty",
            { Length: > MaxLength } => $"must be at most {MaxLength} characters long",
            _ when !text.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_') => "must hold only a-z, 0-9, '-' and '_'",
            ['-' or '_', ..] => "must begin with a letter or a digit",
            LocalText => "must be another than 'local', which is the process itself",
            _ => null,
        };
        if (problem is not null)
            return false;
        tenant = new TenantId(text!);
        return true;
    }

    /// <summary>Reads back the <see cref="Text"/> of one, <see cref="Local"/> included: never what a caller wrote.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static TenantId Parse(string text) =>
        text == LocalText ? Local : TryParse(text, out TenantId tenant, out string? problem) ? tenant : throw new FormatException($"A tenant's name {problem}.");

    /// <inheritdoc/>
    public override string ToString() => Text;
}
