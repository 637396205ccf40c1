using System.CommandLine;
using System.Text.RegularExpressions;
using MoeLora.Cli;
using MoeLora.Cli.Terminals;

namespace MoeLora.Deploy.Tests.Documents;

/// <summary>Command lines of <c>moelora</c> and <c>moelora-silo</c> in documents, held against the program's own commands and options.</summary>
internal static partial class CommandLines
{
    private static readonly Terminal Nowhere = new() { Out = TextWriter.Null, Error = TextWriter.Null };

    private static readonly Dictionary<string, RootCommand> Programs = new()
    {
        ["moelora"] = MoeLoraProgram.CreateRoot(Nowhere),
        ["moelora-silo"] = MoeLoraProgram.CreateRoot(Nowhere, Silo.Program.Extensions),
    };

    /// <summary>The names of all options of all commands.</summary>
    public static IReadOnlySet<string> AllOptions { get; } = Programs["moelora-silo"].AllCommands().SelectMany(command => command.Options).SelectMany(option => option.Aliases.Prepend(option.Name)).ToHashSet(StringComparer.Ordinal);

    /// <summary>Every command line of a shell text, from the program's name on.</summary>
    public static IEnumerable<string> In(string shell) => Call.Matches(Comment.Replace(shell.Replace("\\\n", " ", StringComparison.Ordinal), "")).Select(match => match.Value.Trim());

    /// <summary>What a command line says that the program does not know.</summary>
    public static IEnumerable<string> FindProblems(string line)
    {
        string[] words = [.. Word.Matches(line).Select(match => match.Value)];
        Command command = Programs[words[0]];
        string path = words[0];
        int next = 1;
        if (words[0] == "moelora-silo" && words.ElementAtOrDefault(1) == "--config")
            command = command.Subcommands.Single(known => known.Name == "silo"); // the command that the program is named after may be left out
        while (next < words.Length && command.Subcommands.FirstOrDefault(known => known.Name == words[next]) is { } sub)
            (command, path, next) = (sub, $"{path} {sub.Name}", next + 1);
        if (command.Subcommands.Count > 0 && next < words.Length && words[next][0] != '-' && !Placeholder.IsMatch(words[next]))
            yield return $"{path} has no command '{words[next]}'";
        foreach (string option in words[next..].Where(word => word.StartsWith("--", StringComparison.Ordinal)).Select(word => word.Split('=')[0]))
        {
            if (!Known(command).Contains(option))
                yield return $"{path} has no option {option}";
        }
    }

    private static IEnumerable<string> Known(Command command) => command.Options.SelectMany(option => option.Aliases.Prepend(option.Name))
        .Concat(Programs.Values.First().Options.OfType<System.CommandLine.Help.HelpOption>().SelectMany(option => option.Aliases.Prepend(option.Name)));

    private static IEnumerable<Command> AllCommands(this Command command) => command.Subcommands.SelectMany(AllCommands).Prepend(command);

    // Where a shell expects a command, up to whatever ends it.
    [GeneratedRegex("(?m)(?<=^\\s*([A-Z_]+=\\S*\\s+)*|[(;|&!]\\s*|exec \\S+ )moelora(-silo)?(?= +[^ \\n])(\"[^\"]*\"|'[^']*'|[^\\n|&;<>)#\"'])*")]
    private static partial Regex Call { get; }

    [GeneratedRegex(@"(?m)(^|\s)#.*$")]
    private static partial Regex Comment { get; }

    [GeneratedRegex("(\"[^\"]*\"|'[^']*'|[^\\s\"'])+")]
    private static partial Regex Word { get; }

    [GeneratedRegex("^[A-Z…]+$")]
    private static partial Regex Placeholder { get; }
}
