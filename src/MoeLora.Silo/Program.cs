using MoeLora.Cli;
using MoeLora.Cli.Nodes;
using MoeLora.Cli.Terminals;
using MoeLora.SentencePiece;
using MoeLora.Torch;

namespace MoeLora.Silo;

/// <summary>The full program: all of <c>moelora</c>, and what needs packages that not every source has.</summary>
internal static class Program
{
    /// <summary>What it has beyond <c>moelora</c>.</summary>
    internal static readonly ProgramExtensions Extensions = new()
    {
        Name = "moelora-silo",
        Commands = terminal => [new SiloCommand(terminal)],
        ReadConfiguration = NodeFile.Read<SiloSettings>,
        Tokenizers = [new SentencePieceFormat()],
        Devices = TorchDevice.Kinds,
    };

    private static Task<int> Main(string[] args) => ProgramProcess.RunAsync(WithCommand(args), Extensions);

    /// <summary>Runs one command line.</summary>
    /// <returns>An <see cref="ExitCode"/>.</returns>
    internal static Task<int> RunAsync(string[] args, Terminal terminal, CancellationToken cancellation) =>
        MoeLoraProgram.RunAsync(WithCommand(args), terminal, Extensions, cancellation);

    // `moelora-silo --config silo.yaml`, as services start it, is the command that the program is named after.
    private static string[] WithCommand(string[] args) => args is [var first, ..] && first.Split('=', ':')[0] == "--config" ? ["silo", .. args] : args;
}
