using System.CommandLine;

namespace MoeLora.Cli.Administration;

/// <summary>A version as <c>bank@version</c>.</summary>
internal sealed class VersionNameArgument : Argument<string>
{
    public VersionNameArgument()
        : base("version")
    {
        Description = "The version, as bank@version.";
        HelpName = "BANK@VERSION";
        Validators.Add(result =>
        {
            string text = result.Tokens.Count > 0 ? result.Tokens[0].Value : "";
            int at = text.LastIndexOf('@');
            if (at <= 0 || at == text.Length - 1)
                result.AddError($"'{text}' must be bank@version.");
        });
    }

    /// <summary>The path of the version below the API's root.</summary>
    public string Path(ParseResult parsed)
    {
        string text = parsed.GetRequiredValue(this);
        int at = text.LastIndexOf('@');
        return $"/admin/v1/banks/{Uri.EscapeDataString(text[..at])}/versions/{Uri.EscapeDataString(text[(at + 1)..])}";
    }
}
