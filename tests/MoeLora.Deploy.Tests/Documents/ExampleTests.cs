using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using MoeLora.Cli;
using MoeLora.Serving.Tests;

namespace MoeLora.Deploy.Tests.Documents;

/// <summary>
/// Commands in documents. Blocks that begin with <c>```sh runnable</c> are run, those of one document one after the other in one shell, in a folder of their own
/// beside the repository's <c>deploy</c> and <c>tests</c>; of all others the program's commands and options must be there.
/// </summary>
public sealed partial class ExampleTests
{
    public static TheoryData<string> Runnable => [.. MarkdownFile.All.Where(file => file.Blocks.Any(block => block.IsRunnable)).Select(file => file.Path)];

    [Fact]
    public void Commands_AndOptions_AreTheProgramsOwn()
    {
        (string Place, string Line)[] lines =
        [
            .. from file in MarkdownFile.All
               from block in file.Blocks
               where block.IsShell
               from line in CommandLines.In(block.Text)
               select (block.Place, line),
            .. from file in MarkdownFile.All
               from span in file.Spans
               from line in CommandLines.In(span.Text)
               select ($"{file.Path}:{span.Line}", line),
        ];

        Assert.True(lines.Length > 60, $"Only {lines.Length} command lines were found.");
        Findings.AssertNone(lines.SelectMany(line => CommandLines.FindProblems(line.Line).Select(problem => $"{line.Place}: {problem}")));
    }

    [Theory]
    [InlineData("moelora publsh x", "moelora has no command 'publsh'")]
    [InlineData("moelora key create clinic --rolse operator", "moelora key create has no option --rolse")]
    [InlineData("moelora-silo --confg silo.yaml", "moelora-silo has no option --confg")]
    [InlineData("moelora-silo --config silo.yaml", null)]
    [InlineData("moelora COMMAND --help", null)]
    public void Command_ThatIsNot_IsFound(string line, string? problem) => Assert.Equal(problem, CommandLines.FindProblems(line).FirstOrDefault());

    [Fact]
    public void Options_InProse_AreThoseOfACommandOrAScript()
    {
        string scripts = string.Concat(Directory.EnumerateFiles(Repository.At("deploy"), "*.sh", SearchOption.AllDirectories).Append(Repository.At("tests", "run.sh")).Select(File.ReadAllText));

        Findings.AssertNone(
            from file in MarkdownFile.All
            where file.Path.StartsWith("deploy/", StringComparison.Ordinal) || file.Path.StartsWith("src/MoeLora.Cli", StringComparison.Ordinal) || file.Path.StartsWith("src/MoeLora.Silo", StringComparison.Ordinal)
            from span in file.Spans
            from Match option in Option.Matches(span.Text)
            where !CommandLines.AllOptions.Contains(option.Value) && !scripts.Contains(option.Value, StringComparison.Ordinal) && !OfOthers.Contains(option.Value)
            select $"{file.Path}:{span.Line}: nothing has an option {option.Value}");
    }

    [Fact]
    public void Documents_HaveCommandsThatAreRun() => Assert.True(Runnable.Count >= 3);

    [Theory]
    [MemberData(nameof(Runnable))]
    public async Task Blocks_MarkedRunnable_Run(string document)
    {
        using var directory = new TemporaryDirectory();
        Directory.CreateDirectory(directory["bin"]);
        Install(directory["bin/moelora"], typeof(MoeLoraProgram).Assembly.Location);
        Install(directory["bin/moelora-silo"], typeof(Silo.Program).Assembly.Location);
        Directory.CreateDirectory(directory["here"]);
        foreach (string folder in (string[])["deploy", "tests", "helm"])
            Directory.CreateSymbolicLink(directory[$"here/{folder}"], Repository.At(folder));

        // What runs in the background ends with the script, and a command that never ends does not hold up all tests.
        string blocks = string.Concat(MarkdownFile.All.Single(file => file.Path == document).Blocks.Where(block => block.IsRunnable).Select(block => $"echo '== {block.Place}'\n{block.Text}"));
        string script = "set -euo pipefail\ntrap 'kill $(jobs -p) 2> /dev/null || true; wait' EXIT\n" + OnFreePorts(blocks);
        await File.WriteAllTextAsync(directory["blocks.sh"], script);

        (int code, string output) = await Commands.RunAsync(
            "timeout", ["-k", "10", "900", "bash", "-c", $"cd '{directory["here"]}' && exec bash '{directory["blocks.sh"]}'"],
            new Dictionary<string, string> { ["PATH"] = $"{directory["bin"]}:{Environment.GetEnvironmentVariable("PATH")}", ["MOELORA_KEY"] = "" });

        Assert.True(code == 0, $"It ended with {code}:\n{output}");
    }

    // The addresses that documents name may be taken here.
    private static string OnFreePorts(string script)
    {
        foreach (string port in Ports.Matches(script).Select(match => match.Value).Distinct().ToArray())
            script = script.Replace(port, $"127.0.0.1:{FreePort()}", StringComparison.Ordinal);
        return script;
    }

    // Below the ports that the system gives to clients, so that none of those takes it meanwhile.
    private static int FreePort()
    {
        while (true)
        {
            int port = Random.Shared.Next(21_000, 29_000);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port) { ExclusiveAddressUse = true };
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken; another one.
            }
        }
    }

    private static void Install(string path, string assembly)
    {
        File.WriteAllText(path, $"#!/bin/sh\nexec dotnet '{assembly}' \"$@\"\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }

    // Of dotnet, Docker, Helm and the like.
    private static readonly HashSet<string> OfOthers = ["--self-contained", "--output", "--cascade", "--filter", "--no-restore", "--format", "--include"];

    [GeneratedRegex(@"127\.0\.0\.1:8[0-9]{3}")]
    private static partial Regex Ports { get; }

    [GeneratedRegex(@"(?<![\w-])--[a-z][a-z-]+")]
    private static partial Regex Option { get; }
}
