using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace MoeLora.Cli.Commands;

/// <summary>The usual help, then a command's or group's examples; for the program itself, the exit codes.</summary>
internal sealed class HelpWithExamples(HelpAction help, string program) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        help.Invoke(parseResult);
        TextWriter output = parseResult.InvocationConfiguration.Output;
        IEnumerable<string>? examples = parseResult.CommandResult.Command switch
        {
            ProgramCommand command => command.Examples,
            CommandGroup group => group.Examples,
            _ => null,
        };
        if (examples is not null)
        {
            output.WriteLine("Examples:");
            foreach (string example in examples)
                output.WriteLine($"  {program}{example["moelora".Length..]}"); // examples are written for the program that everybody has
        }
        else
        {
            output.WriteLine("Exit codes:");
            output.WriteLine("  0    everything asked for was done");
            output.WriteLine("  1    a check failed, or the command was refused while running");
            output.WriteLine("  2    the command line is wrong");
            output.WriteLine("  130  stopped by Ctrl-C");
            output.WriteLine();
            output.WriteLine($"'{program} COMMAND --help' shows a command's options and examples. MOELORA_TRACE=1 adds stack traces to errors.");
        }

        output.WriteLine();
        return ExitCode.Ok;
    }
}
