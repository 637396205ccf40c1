using System.Diagnostics.CodeAnalysis;

namespace MoeLora.Contracts.Tenants;

/// <summary>The name of a tenant: lower-case letters, digits, <c>-</c> and <c>_</c>, 1 to 64 of them, a letter or digit first.</summary>
public readonly record struct TenantId
{
    /// <summary>Longest name.</summary>
    public const int MaxLength = 64;

    private readonly string? _text;

    private TenantId(string text) => _text = text;

    /// <summary>Whoever calls a grid that has no tenants: the process itself.</summary>
    public static TenantId Local { get; } = new("local");

    /// <summary>The name.</summary>
    public string Text => _text ?? Local.Text;

    /// <summary>Reads a name.</summary>
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
            _ => null,
        };
        if (problem is not null)
            return false;
        tenant = new TenantId(text!);
        return true;
    }

    /// <summary>Reads a name that is known to be one.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static TenantId Parse(string text) =>
        TryParse(text, out TenantId tenant, out string? problem) ? tenant : throw new FormatException($"A tenant's name {problem}.");

    /// <inheritdoc/>
    public override string ToString() => Text;
}
