using System.Text.Json;
using MoeLora.Cli.Terminals;

namespace MoeLora.Cli.Tests;

/// <summary>One run of the program in this process, and what it left.</summary>
internal sealed record Invocation(int ExitCode, string Out, string Error)
{
    /// <summary>The only line of <see cref="Out"/> as JSON.</summary>
    public JsonElement Json => JsonDocument.Parse(Assert.Single(Out.Split('\n', StringSplitOptions.RemoveEmptyEntries))).RootElement;

    /// <summary>Runs a command line, with the output redirected.</summary>
    public static Task<Invocation> RunAsync(params string[] args) => RunAsync(CancellationToken.None, args);

    /// <summary>Runs a command line until it ends or is stopped.</summary>
    public static async Task<Invocation> RunAsync(CancellationToken cancellation, params string[] args)
    {
        var output = new StringWriter();
        var error = new StringWriter();
        var terminal = new Terminal { Out = output, Error = error };
        int exitCode = await MoeLoraProgram.RunAsync(args, terminal, cancellation);
        return new Invocation(exitCode, output.ToString(), error.ToString());
    }
}
