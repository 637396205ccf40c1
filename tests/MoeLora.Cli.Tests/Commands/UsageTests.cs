using System.CommandLine;
using MoeLora.Cli.Commands;
using MoeLora.Cli.Terminals;

namespace MoeLora.Cli.Tests.Commands;

public sealed class UsageTests
{
    private static readonly string Model = Packs.Model("llama-tiny");
    private static readonly string Adapter = Packs.Adapter("llama-tiny");

    /// <summary>Every command.</summary>
    public static TheoryData<string> Commands => ["serve", "generate", "verify", "logits", "inspect", "export", "bench", "data", "eval"];

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Help_OfACommand_HasExamplesOfIt(string command)
    {
        Invocation run = await Invocation.RunAsync(command, "--help");

        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Contains($"Examples:\n  moelora {command} ", run.Out);
        Assert.Empty(run.Error);
    }

    [Fact]
    public void Examples_OfEveryCommand_AreValidCommandLines()
    {
        RootCommand root = MoeLoraProgram.CreateRoot(new Terminal { Out = TextWriter.Null, Error = TextWriter.Null });
        foreach (string example in root.Subcommands.SelectMany(command => command.Subcommands.Prepend(command)).OfType<ProgramCommand>().SelectMany(command => command.Examples))
        {
            Assert.StartsWith("moelora ", example, StringComparison.Ordinal);
            ParseResult parsed = root.Parse(example["moelora ".Length..]);
            Assert.True(parsed.Errors.Count == 0, $"{example}: {string.Join(' ', parsed.Errors.Select(error => error.Message))}");
        }
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Help_OfTheProgram_ListsEveryCommand(string command)
    {
        Invocation run = await Invocation.RunAsync("--help");

        Assert.Contains($"\n  {command} ", run.Out);
        Assert.Contains("Exit codes:", run.Out);
    }

    [Theory]
    [InlineData("'frobnicate'", "frobnicate")]
    [InlineData("Required command was not provided")]
    [InlineData("Option '--model' is required", "logits", "--prompt-ids", "1", "--out", "x")]
    [InlineData("--weights: 'q4' is not one of f32, f16, bf16, q8.", "verify", "x", "--weights", "q4")]
    [InlineData("--threads: '0' is not a whole number from 1 to 1024.", "verify", "x", "--threads", "0")]
    [InlineData("--device: 'tpu:1' is none of the devices that this program has: cpu.", "verify", "x", "--device", "tpu:1")]
    [InlineData("--device: 'tpu' is none of the devices that this program has: cpu.", "bundle", "--device", "tpu")]
    [InlineData("device: 'tpu' is none of the devices that this program has: cpu.", "train", "--device", "tpu")]
    [InlineData("--suite measures every form; it takes no --serve.", "bench", "--shape", "llama-smallest", "--suite", "--serve", "one", "--batch", "2")]
    [InlineData("--prompt-ids: 'a' at position 1 is not a token id", "logits", "--model", "x", "--prompt-ids", "1,a", "--out", "x")]
    [InlineData("--mode: 'both' is not one of shared, merged.", "logits", "--model", "x", "--mode", "both", "--prompt-ids", "1", "--out", "x")]
    [InlineData("--shape: 'gpt' is not one of qwen2-0.5b, tinyllama-1.1b, chatglm-6b, chatglm-6b-2layers, llama-smallest, chatglm-smallest.", "bench", "--shape", "gpt")]
    [InlineData("--format: 'zip' is not one of bundle, peft.", "export", "--model", "x", "--adapter", "x", "--out", "x", "--format", "zip")]
    [InlineData("--max-new-tokens: 'many' is not a whole number of 32 bits.", "generate", "--model", "x", "--max-new-tokens", "many")]
    [InlineData("--top-k: '1.5' is not a whole number of 32 bits.", "generate", "--model", "x", "--max-new-tokens", "1", "--top-k", "1.5")]
    [InlineData("--seed: 'x' is not a whole number of 64 bits.", "generate", "--model", "x", "--max-new-tokens", "1", "--seed", "x")]
    [InlineData("--temperature: 'hot' is not a number.", "generate", "--model", "x", "--max-new-tokens", "1", "--temperature", "hot")]
    public async Task Usage_BadOption_IsNamedWithWhatThereIs(string message, params string[] args)
    {
        Invocation run = await Invocation.RunAsync(args);

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains(message, run.Error);
        Assert.Contains("--help'.", run.Error);
        Assert.Empty(run.Out);
    }

    [Fact]
    public async Task Usage_UnknownCommand_IsTheOnlyProblem()
    {
        Invocation run = await Invocation.RunAsync("nonsense");

        Assert.Equal("moelora: Unrecognized command or argument 'nonsense'.\nTry 'moelora --help'.\n", run.Error.ReplaceLineEndings("\n"));
    }

    [Fact]
    public async Task Usage_UnknownWordBehindAGroup_IsTheOnlyProblem()
    {
        Invocation run = await Invocation.RunAsync("data", "nonsense");

        Assert.Equal("moelora data: Unrecognized command or argument 'nonsense'.\nTry 'moelora data --help'.\n", run.Error.ReplaceLineEndings("\n"));
    }

    [Theory]
    [InlineData("logits", "--prompt-ids", "1", "--out", "x.safetensors")]
    [InlineData("generate", "--prompt-ids", "1", "--max-new-tokens", "1")]
    public async Task Usage_AdapterOptionsWithoutAnAdapter_AreAllNamed(string command, params string[] rest)
    {
        Invocation run = await Invocation.RunAsync([command, "--model", Model, "--task", "2", "--mode", "merged", "--task-names", "x.json", .. rest]);

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains("--task is a task of an adapter", run.Error);
        Assert.Contains("--mode says how a task is served", run.Error);
        Assert.Contains("--task-names names the tasks of an adapter", run.Error);
    }

    [Theory]
    [InlineData("logits", "--prompt-ids", "1", "--out", "x.safetensors")]
    [InlineData("generate", "--prompt-ids", "1", "--max-new-tokens", "1")]
    public async Task Usage_AdapterWithoutATask_AsksForOne(string command, params string[] rest)
    {
        Invocation run = await Invocation.RunAsync([command, "--model", Model, "--adapter", Adapter, .. rest]);

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains("say which with --task ID|NAME", run.Error);
    }

    [Theory]
    [InlineData("logits", "--prompt-ids", "1", "--out", "x.safetensors")]
    [InlineData("generate", "--prompt-ids", "1", "--max-new-tokens", "1")]
    public async Task Run_NoModelDirectory_SaysSoWithoutATrace(string command, params string[] rest)
    {
        Invocation run = await Invocation.RunAsync([command, "--model", "not/there", .. rest]);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("not/there", run.Error);
        Assert.DoesNotContain("   at ", run.Error);
        Assert.Empty(run.Out);
    }

    [Theory]
    [InlineData("logits", "--prompt-ids", "1", "--out", "x.safetensors")]
    [InlineData("generate", "--prompt-ids", "1", "--max-new-tokens", "1")]
    public async Task Run_UnknownTask_ListsTheTasks(string command, params string[] rest)
    {
        Invocation run = await Invocation.RunAsync([command, "--model", Model, "--adapter", Adapter, "--task", "poetry", .. rest]);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("'poetry'", run.Error);
        Assert.Contains("1, 2, 3, 4, 5, 6, 7, 8", run.Error);
    }

    [Fact]
    public async Task Run_Cancelled_StopsWithItsOwnCode()
    {
        Invocation run = await Invocation.RunAsync(new CancellationToken(canceled: true), "verify", Model);

        Assert.Equal(ExitCode.Cancelled, run.ExitCode);
        Assert.Contains("stopped", run.Error);
        Assert.Empty(run.Out);
    }

    [Fact]
    public async Task Run_WithTraces_ShowsWhereAnErrorArose()
    {
        var error = new StringWriter();
        var terminal = new Terminal { Out = TextWriter.Null, Error = error, ShowsTraces = true };

        await MoeLoraProgram.RunAsync(["inspect", "not/there"], terminal);

        Assert.Contains("   at ", error.ToString());
    }
}
