using System.CommandLine;

namespace MoeLora.Cli.Commands;

/// <summary>A word that only gathers commands, such as <c>data</c>; its help shows one example of each.</summary>
internal abstract class CommandGroup(string name, string description) : Command(name, description)
{
    public IEnumerable<string> Examples => Subcommands.OfType<ProgramCommand>().Select(command => command.Examples[0]);
}
