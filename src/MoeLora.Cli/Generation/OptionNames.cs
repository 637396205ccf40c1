using MoeLora.Contracts;

namespace MoeLora.Cli.Generation;

/// <summary>Grid errors in the spelling of the command line.</summary>
internal static class OptionNames
{
    /// <summary>The message, with the name of the value replaced by that of its option.</summary>
    public static string Explain(GridError error) =>
        error.Param is null ? error.Message : error.Message.Replace($"'{error.Param}'", Of(error.Param), StringComparison.Ordinal);

    private static string Of(string param) => param switch
    {
        "max_tokens" => "--max-new-tokens",
        "model" => "--task",
        _ => "--" + param.Replace('_', '-'),
    };
}
