namespace MoeLora.Adapters.Bundles;

/// <summary>The version of an adapter that one bundle holds, such as <c>1.2.0</c>: with the name, the immutable identity of the bundle.</summary>
/// <remarks>1 to 64 ASCII letters, digits, <c>.</c>, <c>-</c> and <c>_</c>, beginning with a letter or digit. Compared exactly.</remarks>
public readonly record struct AdapterVersion
{
    private readonly string? _value;

    /// <summary>Takes a text that follows the rules of the type.</summary>
    /// <exception cref="FormatException">It does not.</exception>
    public AdapterVersion(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (!Label.IsValid(value))
            throw new FormatException(Label.Rule("version"));
        _value = value;
    }

    /// <summary>Reads a version without throwing.</summary>
    public static bool TryParse(string? text, out AdapterVersion version)
    {
        bool valid = text is not null && Label.IsValid(text);
        version = valid ? new AdapterVersion(text!) : default;
        return valid;
    }

    /// <summary>The version.</summary>
    public override string ToString() => _value ?? "";
}
