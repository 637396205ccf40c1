using System.CommandLine;

namespace MoeLora.Cli.Options;

/// <summary><c>--check-prompt-ids 1,2,3</c>, once or several times; null when it is not given.</summary>
internal sealed class CheckPromptIdsOption : Option<IReadOnlyList<int[]>?>
{
    public CheckPromptIdsOption()
        : base("--check-prompt-ids")
    {
        Description = "A check prompt of every task as token ids, used exactly as given; may be given several times.";
        HelpName = "1,2,3";
        Arity = ArgumentArity.OneOrMore;
        AllowMultipleArgumentsPerToken = false;
        CustomParser = result => [.. result.Tokens.Select(token => TokenIdsOption.Read(result, Name, token.Value))];
    }
}
