using System.CommandLine;
using MoeLora.Cli;
using MoeLora.Cli.Commands;
using MoeLora.Cli.Nodes;
using MoeLora.Cli.Terminals;

namespace MoeLora.Silo;

/// <summary><c>moelora-silo silo --config silo.yaml</c>.</summary>
internal sealed class SiloCommand : ProgramCommand
{
    private readonly Terminal _terminal;
    private readonly Option<FileInfo> _config = new("--config") { Description = "The silo's configuration, YAML or JSON.", HelpName = "FILE", Required = true };

    public SiloCommand(Terminal terminal)
        : base("silo", "A silo of the grid: a node that serves the tasks of MOELoRA adapters, its place in a cluster, and HTTP before the whole cluster. Ctrl-C or SIGTERM lets running answers finish.")
    {
        _terminal = terminal;
        Add(_config.AcceptExistingOnly());
    }

    public override IReadOnlyList<string> Examples => ["moelora silo --config silo.yaml"];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        await SiloProcess.RunAsync(NodeFile.Read<SiloSettings>(parsed.GetRequiredValue(_config).FullName), _terminal, cancellation);
        return ExitCode.Ok;
    }
}
