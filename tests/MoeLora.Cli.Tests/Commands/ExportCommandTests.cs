namespace MoeLora.Cli.Tests.Commands;

public sealed class ExportCommandTests
{
    private const string Pack = "qwen2-tiny";

    [Fact]
    public async Task Export_Bundle_ServesTheSameTokens()
    {
        using var directory = new TemporaryDirectory();
        string bundle = directory.File("bundle");

        Invocation export = await ExportAsync(bundle, "--format", "bundle", "--name", "demo", "--version", "1.0.0");

        Assert.Equal(ExitCode.Ok, export.ExitCode);
        Assert.Contains("bundle demo 1.0.0, 6 tasks, sha256:", export.Out);
        await AssertSameLogitsAsync(directory, "3", bundle, "3");
    }

    [Fact]
    public async Task Export_Lora_AnswersAsTheTask()
    {
        using var directory = new TemporaryDirectory();
        string lora = directory.File("lora");

        Invocation export = await ExportAsync(lora, "--format", "peft", "--task", "3");

        Assert.Equal(ExitCode.Ok, export.ExitCode);
        await AssertSameLogitsAsync(directory, "3", lora, "1");
    }

    [Fact]
    public async Task Export_WhereSomethingIs_LeavesItAlone()
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(directory.File("precious"), "kept");

        Invocation run = await ExportAsync(directory.Path, "--format", "peft", "--task", "3");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Equal("kept", File.ReadAllText(directory.File("precious")));
    }

    [Theory]
    [InlineData("a bundle needs a name: --name NAME.|a bundle needs a version: --version V.|a bundle holds all tasks", "bundle", "--task", "1")]
    [InlineData("--name: An adapter's name has 1 to 64|--version: An adapter's version has 1 to 64", "bundle", "--name", "../x", "--version", "")]
    [InlineData("say which with --task ID|NAME", "peft")]
    [InlineData("leave out --name and --version", "peft", "--task", "1", "--name", "x")]
    public async Task Export_OptionsThatDoNotFitTheFormat_AreAllNamed(string messages, string format, params string[] rest)
    {
        Invocation run = await ExportAsync("never-made", ["--format", format, .. rest]);

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.All(messages.Replace("ID|NAME", "ID").Split('|'), message => Assert.Contains(message, run.Error));
        Assert.False(Directory.Exists("never-made"));
    }

    private static Task<Invocation> ExportAsync(string destination, params string[] rest) =>
        Invocation.RunAsync(["export", "--model", Packs.Model(Pack), "--adapter", Packs.Adapter(Pack), "--out", destination, .. rest]);

    private static async Task AssertSameLogitsAsync(TemporaryDirectory directory, string task, string exported, string exportedTask)
    {
        float[][] original = await LogitsAsync(directory.File("original.safetensors"), Packs.Adapter(Pack), task);
        float[][] copy = await LogitsAsync(directory.File("copy.safetensors"), exported, exportedTask);

        // A LoRA's B carries the gate, rounded once; a bundle holds the same numbers.
        StoredTensors.AssertClose(original, copy, 1e-4f);
    }

    private static async Task<float[][]> LogitsAsync(string file, string adapter, string task)
    {
        Invocation run = await Invocation.RunAsync(
            "logits", "--model", Packs.Model(Pack), "--adapter", adapter, "--task", task, "--prompt-ids", Packs.Prompt(Pack, 0), "--out", file);
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        return StoredTensors.Read(file, "logits");
    }
}
