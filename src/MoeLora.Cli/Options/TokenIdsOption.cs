using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace MoeLora.Cli.Options;

/// <summary><c>--prompt-ids 1,2,3</c>; empty when it is not given.</summary>
internal sealed class TokenIdsOption : Option<int[]>
{
    public TokenIdsOption()
        : base("--prompt-ids")
    {
        Description = "The prompt as token ids, used exactly as given.";
        HelpName = "1,2,3";
        Arity = ArgumentArity.ExactlyOne;
        CustomParser = result => Read(result, Name, result.Tokens[0].Value);
    }

    /// <summary>Ids with commas between them; empty, with an error in the result, when the text is something else.</summary>
    internal static int[] Read(ArgumentResult result, string option, string text)
    {
        string[] parts = text.Split(',', StringSplitOptions.TrimEntries);
        int[] ids = new int[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out ids[i]))
            {
                result.AddError($"{option}: '{parts[i]}' at position {i} is not a token id; write ids of 0 or more with commas between them, such as 1,2,3.");
                return [];
            }
        }

        return ids;
    }
}
