using System.Text.Json.Nodes;
using MoeLora.Cli;
using MoeLora.Cli.Terminals;

namespace MoeLora.Torch.Tests.Programs;

/// <summary>Commands of the program on libtorch: what tests/gpu/run.sh does on a GPU.</summary>
public sealed class ProgramTests
{
    [Theory]
    [InlineData("chatglm-tiny")]
    [InlineData("llama-tiny")]
    [InlineData("qwen2-tiny")]
    public async Task Verify_OnLibtorch_Passes(string pack)
    {
        (int exitCode, string output, string errors) = await RunAsync("verify", InRepository("tests", "data", pack), "--device", "torch-cpu", "--threads", "1");

        Assert.True(exitCode == ExitCode.Ok, $"{output}{errors}");
        Assert.Contains("torch cpu (1 thread)", output);
        Assert.Contains("greedy answers with bf16 weights: ", output);
    }

    [Fact]
    public async Task Suite_OnLibtorch_HasEveryFigureThatTheScriptJudges()
    {
        (int exitCode, string output, string errors) = await RunAsync(
            "bench", "--suite", "--shape", "chatglm-smallest", "--device", "torch-cpu", "--threads", "1", "--prompt", "34", "--generate", "2", "--repeats", "1", "--batch", "8", "--tasks", "2",
            "--rank", "4", "--experts", "2", "--rows", "16", "--json");

        Assert.True(exitCode == ExitCode.Ok, $"{output}{errors}");
        JsonObject figures = JsonNode.Parse(output)!["figures"]!.AsObject();
        string[] judged =
        [
            .. File.ReadLines(InRepository("tests", "gpu", "run.sh")).SkipWhile(line => !line.StartsWith("goals=\"", StringComparison.Ordinal)).TakeWhile(line => line.Length > 0 && line != "echo")
                .Select(line => line.Replace("goals=\"", "").Split(' ')[0]),
        ];
        Assert.Contains("recovery_ms", judged);
        Assert.All(judged.Concat(["prefill", "decode_8", "shared_8", "copy_gb_per_second"]), name => Assert.True(figures[name]?.GetValue<double>() > 0, $"{name}: {output}"));
    }

    [Fact]
    public async Task Bench_OfTrainingOnLibtorch_HasNoPeakOfTheProcessor()
    {
        (int exitCode, string output, string errors) = await RunAsync(
            "bench", "--train-step", "--shape", "llama-smallest", "--device", "torch-cpu", "--threads", "1", "--rows", "16", "--repeats", "1", "--rank", "4", "--experts", "2", "--json");

        Assert.True(exitCode == ExitCode.Ok, $"{output}{errors}");
        JsonNode report = JsonNode.Parse(output)!;
        Assert.Null(report["peak_gigaflops"]);
        Assert.True(report["passes"]!.AsArray().All(pass => pass!["tokens_per_second"]!.GetValue<double>() > 0));
    }

    /// <summary>A path of the repository.</summary>
    internal static string InRepository(params string[] path)
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "MoeLora.Grid.sln")))
            folder = folder.Parent;
        Assert.NotNull(folder);
        return Path.Combine([folder.FullName, .. path]);
    }

    private static async Task<(int ExitCode, string Out, string Error)> RunAsync(params string[] args)
    {
        var terminal = new Terminal { Out = new StringWriter(), Error = new StringWriter() };
        int exitCode = await MoeLoraProgram.RunAsync(args, terminal, new ProgramExtensions { Name = "moelora-silo", Devices = TorchDevice.Kinds });
        return (exitCode, terminal.Out.ToString()!, terminal.Error.ToString()!);
    }
}
