using MoeLora.Cli.Terminals;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora data</c>: the files that models are trained and tested on.</summary>
internal sealed class DataCommand : CommandGroup
{
    public DataCommand(Terminal terminal)
        : base("data", "Checks and splits data sets in PromptCBLUE's format.")
    {
        Add(new DataCheckCommand(terminal));
    }
}
