namespace MoeLora.Cli.Tests.Commands;

public sealed class LogitsCommandTests
{
    // What the packs promise for float32.
    private const float Tolerance = 1e-3f;

    [Theory]
    [InlineData("chatglm-tiny", "base.logits.1")]
    [InlineData("chatglm-tiny", "task7.logits.1", "--task", "7", "--mode", "merged")]
    [InlineData("llama-tiny", "task3.logits.1", "--task", "3", "--mode", "shared")]
    [InlineData("llama-tiny", "task3.logits.1", "--task", "3")]
    [InlineData("qwen2-tiny", "task6.logits.1", "--task", "6", "--mode", "merged")]
    public async Task Logits_OfAPrompt_AreThoseOfThePack(string pack, string expected, params string[] task)
    {
        using var directory = new TemporaryDirectory();
        string file = directory.File("logits.safetensors");
        string[] adapter = task.Length > 0 ? ["--adapter", Packs.Adapter(pack), .. task] : [];

        Invocation run = await Invocation.RunAsync(["logits", "--model", Packs.Model(pack), .. adapter, "--prompt-ids", Packs.Prompt(pack, 1), "--out", file]);

        Assert.Equal(ExitCode.Ok, run.ExitCode);
        StoredTensors.AssertClose(StoredTensors.Read(Path.Combine(Packs.Model(pack), "expected.safetensors"), expected), StoredTensors.Read(file, "logits"), Tolerance);
    }

    [Fact]
    public async Task Logits_PromptLongerThanTheContext_IsRefused()
    {
        using var directory = new TemporaryDirectory();
        string prompt = string.Join(',', Enumerable.Repeat(5, 257));

        Invocation run = await Invocation.RunAsync("logits", "--model", Packs.Model("llama-tiny"), "--prompt-ids", prompt, "--out", directory.File("x.safetensors"));

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("257", run.Error);
        Assert.Contains("256", run.Error);
        Assert.False(File.Exists(directory.File("x.safetensors")));
    }

    [Fact]
    public async Task Logits_OutInNoDirectory_IsRefusedBeforeLoading()
    {
        Invocation run = await Invocation.RunAsync("logits", "--model", "not/there", "--prompt-ids", "1", "--out", "no/such/x.safetensors");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("--out: there is no directory", run.Error);
    }
}
