using MoeLora.Cli.Terminals;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora eval</c>: how good answers are.</summary>
internal sealed class EvalCommand : CommandGroup
{
    public EvalCommand(Terminal terminal)
        : base("eval", "Scores answers to PromptCBLUE's tasks.")
    {
        Add(new EvalScoreCommand(terminal));
    }
}
