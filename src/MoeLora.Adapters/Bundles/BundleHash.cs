namespace MoeLora.Adapters.Bundles;

/// <summary>The content hash of a bundle, a SHA-256 written as <c>sha256:</c> and 64 lower-case hexadecimal digits.</summary>
public readonly record struct BundleHash
{
    private const string Prefix = "sha256:";

    private readonly string? _hex;

    private BundleHash(string hex) => _hex = hex;

    /// <summary>Reads what <see cref="ToString"/> writes.</summary>
    /// <exception cref="FormatException">The text has another form.</exception>
    public static BundleHash Parse(string text) =>
        TryParse(text, out BundleHash hash) ? hash : throw new FormatException("A bundle hash is 'sha256:' and 64 lower-case hexadecimal digits.");

    /// <summary>As <see cref="Parse"/>, without throwing.</summary>
    public static bool TryParse(string? text, out BundleHash hash)
    {
        bool valid = text is not null && text.StartsWith(Prefix, StringComparison.Ordinal) && IsSha256(text.AsSpan(Prefix.Length));
        hash = valid ? new BundleHash(text![Prefix.Length..]) : default;
        return valid;
    }

    /// <summary><c>sha256:…</c>.</summary>
    public override string ToString() => _hex is null ? "" : Prefix + _hex;

    internal static BundleHash OfBytes(ReadOnlySpan<byte> sha256) => new(Convert.ToHexStringLower(sha256));

    internal static bool IsSha256(ReadOnlySpan<char> hex) => hex.Length == 64 && !hex.ContainsAnyExcept("0123456789abcdef");
}
