namespace MoeLora.Cli;

internal static class Program
{
    private static Task<int> Main(string[] args) => ProgramProcess.RunAsync(args, new ProgramExtensions());
}
