using System.CommandLine;

namespace MoeLora.Cli.Options;

/// <summary><c>--json</c>.</summary>
internal sealed class JsonOption : Option<bool>
{
    public JsonOption()
        : base("--json")
        => Description = "Print exactly one JSON object instead of text.";
}
