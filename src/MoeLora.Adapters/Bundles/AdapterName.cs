namespace MoeLora.Adapters.Bundles;

/// <summary>The name of an adapter, the same for all its versions, such as <c>promptcblue</c>.</summary>
/// <remarks>1 to 64 ASCII letters, digits, <c>.</c>, <c>-</c> and <c>_</c>, beginning with a letter or digit. Compared exactly.</remarks>
public readonly record struct AdapterName
{
    private readonly string? _value;

    /// <summary>Takes a text that follows the rules of the type.</summary>
    /// <exception cref="FormatException">It does not.</exception>
    public AdapterName(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (!Label.IsValid(value))
            throw new FormatException(Label.Rule("name"));
        _value = value;
    }

    /// <summary>Reads a name without throwing.</summary>
    public static bool TryParse(string? text, out AdapterName name)
    {
        bool valid = text is not null && Label.IsValid(text);
        name = valid ? new AdapterName(text!) : default;
        return valid;
    }

    /// <summary>The name.</summary>
    public override string ToString() => _value ?? "";
}
