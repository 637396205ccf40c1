using MoeLora.Cli.Terminals;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora data</c>: the files that models are trained and tested on.</summary>
internal sealed class DataCommand : CommandGroup
{
    public DataCommand(Terminal terminal)
        : base("data", "Makes, checks and splits data sets in PromptCBLUE's format.")
    {
        Add(new DataSynthCommand(terminal));
        Add(new DataCheckCommand(terminal));
        Add(new DataSplitCommand(terminal));
    }
}
