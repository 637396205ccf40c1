using System.Text.Json;
using MoeLora.Cli.Terminals;

namespace MoeLora.Cli.Tests.Commands;

public sealed class GenerateCommandTests
{
    [Theory]
    [InlineData("chatglm-tiny", 5, "shared")]
    [InlineData("chatglm-tiny", 5, "merged")]
    [InlineData("llama-tiny", 4, "shared")] // ends with the end token
    [InlineData("llama-tiny", 4, "merged")]
    [InlineData("qwen2-tiny", 6, "shared")]
    [InlineData("qwen2-tiny", 6, "merged")]
    public async Task Generate_Greedy_GivesTheTokensOfThePack(string pack, int task, string mode)
    {
        int[] expected = Packs.Greedy(pack, task);

        Invocation run = await GenerateAsync(pack, $"{task}", Packs.Prompt(pack, 0), expected.Length, "--mode", mode, "--json");

        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Equal(expected, run.Json.GetProperty("token_ids").Deserialize<int[]>());
        Assert.Equal(mode, run.Json.GetProperty("provenance").GetProperty("mode").GetString());
    }

    [Fact]
    public async Task Generate_TextForASentencePieceModel_NamesTheProgramThatReadsIt()
    {
        using var directory = new TemporaryDirectory();
        string model = Packs.Copy("llama-tiny", directory);
        File.Copy(Path.Combine(Packs.Model("tokenizers"), "sp_bpe.model"), Path.Combine(model, "tokenizer.model"));

        Invocation run = await Invocation.RunAsync("generate", "--model", model, "--prompt", "a", "--max-new-tokens", "1");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("(tokenizer.model), which this program does not read; moelora-silo", run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Out);
    }

    [Fact]
    public async Task Generate_Json_HasReasonTimingsAndProvenance()
    {
        JsonElement json = (await GenerateAsync("llama-tiny", "4", Packs.Prompt("llama-tiny", 0), 16, "--seed", "7", "--json")).Json;

        Assert.Equal("stop", json.GetProperty("finish_reason").GetString());
        Assert.Equal(JsonValueKind.Null, json.GetProperty("text").ValueKind);
        Assert.Equal(10, json.GetProperty("prompt_tokens").GetInt32());
        Assert.Equal(9, json.GetProperty("completion_tokens").GetInt32());
        Assert.True(json.GetProperty("timings").GetProperty("prefill_seconds").GetDouble() > 0);
        JsonElement provenance = json.GetProperty("provenance");
        Assert.Equal(("4", 4, 7, "f32"), (
            provenance.GetProperty("task").GetString(),
            provenance.GetProperty("task_id").GetInt32(),
            provenance.GetProperty("seed").GetInt32(),
            provenance.GetProperty("weights_format").GetString()));
        Assert.Equal(8, provenance.GetProperty("gate_weights")[0].GetArrayLength());
        Assert.Matches("^sha256:[0-9a-f]{64}$", provenance.GetProperty("base_model_hash").GetString());
    }

    [Fact]
    public async Task Generate_WithoutTokenizer_PrintsTokenIds()
    {
        Invocation run = await GenerateAsync("qwen2-tiny", "3", Packs.Prompt("qwen2-tiny", 0), 12);

        Assert.Equal(string.Join(' ', Packs.Greedy("qwen2-tiny", 3)) + "\n", run.Out);
        Assert.Contains("12 tokens in", run.Error);
        Assert.Contains(": length", run.Error);
    }

    [Fact]
    public async Task Generate_WithTokenizer_StreamsText()
    {
        using var directory = new TemporaryDirectory();
        string model = Packs.Copy("qwen2-tiny", directory);
        ByteTokenizer.Write(model);
        string prompt = string.Concat(new[] { 5, 6, 7 }.Select(id => (char)(id + 33)));

        Invocation ids = await Invocation.RunAsync("generate", "--model", model, "--prompt-ids", "5,6,7", "--max-new-tokens", "4", "--json");
        Invocation text = await Invocation.RunAsync("generate", "--model", model, "--prompt", prompt, "--max-new-tokens", "4");

        Assert.Equal(ids.Json.GetProperty("text").GetString() + "\n", text.Out);
        Assert.Equal(4, ids.Json.GetProperty("token_ids").GetArrayLength());
    }

    [Fact]
    public async Task Generate_SameSeed_SameTokens()
    {
        string[] settings = ["--temperature", "1.5", "--top-p", "0.95", "--top-k", "50", "--repetition-penalty", "1.1", "--json", "--seed"];
        string prompt = Packs.Prompt("llama-tiny", 1);

        string[] runs = [.. (await Task.WhenAll(
            GenerateAsync("llama-tiny", "1", prompt, 24, [.. settings, "3"]),
            GenerateAsync("llama-tiny", "1", prompt, 24, [.. settings, "3"]),
            GenerateAsync("llama-tiny", "1", prompt, 24, [.. settings, "4"]))).Select(run => run.Json.GetProperty("token_ids").GetRawText())];

        Assert.Equal(runs[0], runs[1]);
        Assert.NotEqual(runs[0], runs[2]);
    }

    [Fact]
    public async Task Generate_CancelledWhileItStreams_StillPrintsTheJsonOfWhatCame()
    {
        using var cancellation = new CancellationTokenSource();
        var output = new StringWriter();
        // The first token that is printed cancels; in JSON mode nothing is printed until the end, so this run streams.
        var terminal = new Terminal { Out = new CancellingWriter(output, cancellation), Error = TextWriter.Null };

        int exitCode = await MoeLoraProgram.RunAsync(Arguments("qwen2-tiny", "1", Packs.Prompt("qwen2-tiny", 0), 500), terminal, cancellation.Token);

        Assert.Equal(ExitCode.Cancelled, exitCode);
        Assert.StartsWith("33", output.ToString());
        Assert.EndsWith("\n", output.ToString());
    }

    [Fact]
    public async Task Generate_CancelledBeforeTheFirstToken_PrintsJson()
    {
        Invocation run = await Invocation.RunAsync(
            new CancellationToken(canceled: true), [.. Arguments("qwen2-tiny", "1", Packs.Prompt("qwen2-tiny", 0), 500), "--json"]);

        Assert.Equal(ExitCode.Cancelled, run.ExitCode);
        Assert.Equal("cancelled", run.Json.GetProperty("finish_reason").GetString());
        Assert.Empty(run.Json.GetProperty("token_ids").EnumerateArray());
    }

    [Theory]
    [InlineData("--max-new-tokens must be at least 1.", "--prompt-ids", "1", "--max-new-tokens", "0")]
    [InlineData("--temperature must be between 0 and 2.", "--prompt-ids", "1", "--max-new-tokens", "1", "--temperature", "-1")]
    [InlineData("--top-p: 'x' is not a number.", "--prompt-ids", "1", "--max-new-tokens", "1", "--top-p", "x")]
    [InlineData("--repetition-penalty must be a finite number above 0.", "--prompt-ids", "1", "--max-new-tokens", "1", "--repetition-penalty", "0")]
    [InlineData("give the prompt either as text (--prompt) or as token ids (--prompt-ids).", "--prompt", "a", "--prompt-ids", "1", "--max-new-tokens", "1")]
    [InlineData("give the prompt either as text (--prompt) or as token ids (--prompt-ids).", "--max-new-tokens", "1")]
    [InlineData("--prompt must not be empty.", "--prompt", "", "--max-new-tokens", "1")]
    public async Task Generate_BadValues_AreUsageErrors(string message, params string[] rest)
    {
        Invocation run = await Invocation.RunAsync(["generate", "--model", Packs.Model("qwen2-tiny"), .. rest]);

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains(message, run.Error);
        Assert.Empty(run.Out);
    }

    [Fact]
    public async Task Generate_TextWithoutTokenizer_SaysThatTokenIdsWork()
    {
        Invocation run = await Invocation.RunAsync("generate", "--model", Packs.Model("qwen2-tiny"), "--prompt", "hello", "--max-new-tokens", "4");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("no tokenizer.json", run.Error);
        Assert.Contains("--prompt-ids", run.Error);
    }

    [Fact]
    public async Task Generate_LongerThanTheContext_SaysHowMuchFits()
    {
        Invocation run = await GenerateAsync("qwen2-tiny", "1", "1,2,3", 510);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("context is 512 tokens", run.Error);
        Assert.Contains("at most 509", run.Error);
    }

    [Fact]
    public async Task Generate_ChatGlmPromptWithoutItsMask_IsRefused()
    {
        Invocation run = await GenerateAsync("chatglm-tiny", "1", "1,2,3", 4);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.DoesNotContain("defect", run.Error);
    }

    [Theory]
    [InlineData("shared")]
    [InlineData("merged")]
    public async Task Generate_UnknownTask_SaysTheSameInEachMode(string mode)
    {
        Invocation run = await GenerateAsync("qwen2-tiny", "9", "1,2,3", 4, "--mode", mode);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("moelora: There is no task '9'. There are: 1, 2, 3, 4, 5, 6.", run.Error);
    }

    private static Task<Invocation> GenerateAsync(string pack, string task, string prompt, int maxTokens, params string[] rest) =>
        Invocation.RunAsync([.. Arguments(pack, task, prompt, maxTokens), .. rest]);

    private static string[] Arguments(string pack, string task, string prompt, int maxTokens) =>
        ["generate", "--model", Packs.Model(pack), "--adapter", Packs.Adapter(pack), "--task", task, "--prompt-ids", prompt, "--max-new-tokens", $"{maxTokens}"];

    /// <summary>Cancels at the first flush, as if Ctrl-C came with the first token.</summary>
    private sealed class CancellingWriter(StringWriter inner, CancellationTokenSource cancellation) : TextWriter
    {
        public override System.Text.Encoding Encoding => inner.Encoding;

        public override void Write(char value) => inner.Write(value);

        public override void Flush() => cancellation.Cancel();
    }
}
