using System.Text.Json;
using System.Text.Json.Nodes;

namespace MoeLora.Cli.Tests.Commands;

public sealed class BundleCommandTests
{
    private static readonly string[] Tasks = ["CMeIE", "CHIP-CDN", "CHIP-CTC", "KUAKE-QIC", "MedDG", "CHIP-STS"];

    [Theory]
    [MemberData(nameof(Packs.Names), MemberType = typeof(Packs))]
    public async Task Bundle_PromptIds_MakesABundleThatProvesItself(string pack)
    {
        using var directory = new TemporaryDirectory();
        string bundle = directory.File("bundle");

        Invocation made = await BundleAsync(pack, bundle, "--check-prompt-ids", Packs.Prompt(pack, 0), "--check-prompt-ids", Packs.Prompt(pack, 1), "--json");
        Invocation verified = await Invocation.RunAsync("verify", bundle, "--model", Packs.Model(pack));

        Assert.Equal((ExitCode.Ok, ExitCode.Ok), (made.ExitCode, verified.ExitCode));
        Assert.Contains("PASSED", verified.Out);
        int tasks = made.Json.GetProperty("tasks").GetInt32();
        Assert.Equal(2 * 2 * tasks, made.Json.GetProperty("checks").GetArrayLength());
        Assert.Equal((2, true, "demo", "1.0.0"), (made.Json.GetProperty("format_version").GetInt32(), made.Json.GetProperty("passed").GetBoolean(), made.Json.GetProperty("name").GetString(), made.Json.GetProperty("version").GetString()));
        JsonElement second = made.Json.GetProperty("checks")[3];
        Assert.Equal(("merged", Packs.Prompt(pack, 1).Split(',').Length), (second.GetProperty("form").GetString(), second.GetProperty("prompt_tokens").GetInt32()));
    }

    [Theory]
    [InlineData("bf16")]
    [InlineData("q8")]
    public async Task Verify_BundleWithOtherWeights_IsJudgedByTheirTolerances(string weights)
    {
        using var directory = new TemporaryDirectory();
        string bundle = directory.File("bundle");
        await BundleAsync("qwen2-tiny", bundle, "--check-prompt-ids", Packs.Prompt("qwen2-tiny", 0));

        Invocation run = await Invocation.RunAsync("verify", bundle, "--model", Packs.Model("qwen2-tiny"), "--weights", weights, "--json");

        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Equal(weights, run.Json.GetProperty("weights").GetString());
        Assert.True(run.Json.GetProperty("checks")[0].GetProperty("logit_difference").GetDouble() > 1e-3);
    }

    [Fact]
    public async Task Bundle_Records_TokenisesThemAsServingDoes()
    {
        using var directory = new TemporaryDirectory();
        string model = Packs.Copy("qwen2-tiny", directory);
        ByteTokenizer.Write(model);

        Invocation run = await BundleRecordsAsync(directory, Records(perTask: 3), "--checks-per-task", "2");

        Assert.Equal(ExitCode.Ok, run.ExitCode);
        JsonNode checks = JsonNode.Parse(File.ReadAllText(Path.Combine(directory.File("bundle"), "checks.json")))!["checks"]!;
        Assert.Equal(2 * Tasks.Length, checks.AsArray().Count);
        Assert.Equal("KUAKE-QIC-1!".Select(c => c - 33), checks[7]!["prompt"]!.AsArray().Select(id => (int)id!));
        Assert.Equal(4, (int)checks[7]!["task"]!);
        Assert.Contains("\"KUAKE-QIC\"", File.ReadAllText(Path.Combine(directory.File("bundle"), "manifest.json")));
    }

    [Fact]
    public async Task Bundle_TaskWithTooFewRecords_IsNamed()
    {
        using var directory = new TemporaryDirectory();
        string model = Packs.Copy("qwen2-tiny", directory);
        ByteTokenizer.Write(model);
        string records = Records(perTask: 2).Replace("MedDG", "KUAKE-IR", StringComparison.Ordinal);

        Invocation run = await BundleRecordsAsync(directory, records);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("has fewer than 2 prompts that fit the model's context of 512 tokens for MedDG (5): 0.", run.Error);
        Assert.False(Directory.Exists(directory.File("bundle")));
    }

    [Fact]
    public async Task Bundle_BadRecord_IsNamedWithItsLine()
    {
        using var directory = new TemporaryDirectory();
        string model = Packs.Copy("qwen2-tiny", directory);
        ByteTokenizer.Write(model);

        Invocation run = await BundleRecordsAsync(directory, Records(perTask: 2) + "{\n");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains($"records.jsonl:{2 * Tasks.Length + 1}: ", run.Error);
    }

    [Fact]
    public async Task Bundle_ModelWithoutTokenizer_SaysSo()
    {
        using var directory = new TemporaryDirectory();
        Packs.Copy("qwen2-tiny", directory);

        Invocation run = await BundleRecordsAsync(directory, Records(perTask: 2));

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("tokenizer", run.Error);
        Assert.DoesNotContain("defect", run.Error);
    }

    [Fact]
    public async Task Bundle_TasksFileBesideTheAdapter_NamesTheTasks()
    {
        using var directory = new TemporaryDirectory();
        string pack = Packs.Copy("qwen2-tiny", directory);
        WriteNames(Path.Combine(pack, "adapter", "tasks.json"));

        Invocation run = await Invocation.RunAsync("bundle", "--model", pack, "--adapter", Path.Combine(pack, "adapter"), "--name", "n", "--adapter-version", "1", "--check-prompt-ids", "1,2", "--out", directory.File("bundle"));

        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Contains("| KUAKE-QIC | 2 tokens | merged |", run.Out);
    }

    [Theory]
    [InlineData(0f, "its delta is zero in every layer")]
    [InlineData(float.NaN, "is NaN")]
    public async Task Bundle_AdapterThatIsUseless_IsRefused(float value, string message)
    {
        using var directory = new TemporaryDirectory();
        string pack = Packs.Copy("llama-tiny", directory);
        TensorEdit.SetAll(Path.Combine(pack, "adapter", "adapter_model.safetensors"), name => name.Contains("lora_B", StringComparison.Ordinal), value);

        Invocation run = await Invocation.RunAsync("bundle", "--model", pack, "--adapter", Path.Combine(pack, "adapter"), "--name", "n", "--adapter-version", "1", "--check-prompt-ids", "1,2", "--out", directory.File("bundle"));

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains(message, run.Error);
        Assert.False(Directory.Exists(directory.File("bundle")));
    }

    [Fact]
    public async Task Bundle_OfABundleWithoutChecks_AddsThem()
    {
        using var directory = new TemporaryDirectory();
        const string Pack = "llama-tiny";
        string old = directory.File("old"), bundle = directory.File("bundle");
        await Invocation.RunAsync("export", "--model", Packs.Model(Pack), "--adapter", Packs.Adapter(Pack), "--out", old, "--format", "bundle", "--name", "demo", "--version", "1");

        Invocation before = await Invocation.RunAsync("verify", old, "--model", Packs.Model(Pack));
        Invocation made = await Invocation.RunAsync("bundle", "--model", Packs.Model(Pack), "--adapter", old, "--name", "demo", "--adapter-version", "2", "--check-prompt-ids", "1,2", "--out", bundle);
        Invocation inspected = await Invocation.RunAsync("inspect", bundle);

        Assert.Equal(ExitCode.Failed, before.ExitCode);
        Assert.Contains("is a bundle of format 1, which has no checks", before.Error);
        Assert.Equal(ExitCode.Ok, made.ExitCode);
        Assert.Contains("checks       8: 1 of each task, prompts of 2 tokens, answers of 8, 64 logits each", inspected.Out);
    }

    [Fact]
    public async Task Bundle_WhereSomethingIs_LeavesItAlone()
    {
        using var directory = new TemporaryDirectory();

        Invocation run = await BundleAsync("llama-tiny", directory.Path, "--check-prompt-ids", "1,2");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("is already there", run.Error);
        Assert.True(Directory.Exists(directory.Path));
    }

    [Fact]
    public async Task Verify_BundleOnAnotherBase_IsRefused()
    {
        using var directory = new TemporaryDirectory();
        string bundle = directory.File("bundle");
        await BundleAsync("llama-tiny", bundle, "--check-prompt-ids", "1,2");
        string other = Packs.Copy("llama-tiny", directory);
        TensorEdit.Add(Path.Combine(other, "model.safetensors"), "model.norm.weight", 1e-3f);

        Invocation run = await Invocation.RunAsync("verify", bundle, "--model", other);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("it was made for the base model", run.Error);
    }

    // The hashes are those of what is written, as in a bundle that was made on a machine that computes wrongly.
    [Fact]
    public async Task Verify_BundleWithTheChecksOfAnotherVersion_FailsAndNamesThem()
    {
        using var directory = new TemporaryDirectory();
        const string Pack = "llama-tiny";
        string bundle = directory.File("bundle");
        string other = Packs.Copy(Pack, directory);
        TensorEdit.Add(Path.Combine(other, "adapter", "adapter_model.safetensors"), "base_model.model.model.layers.1.mlp.down_proj.lora_B.loraB.0.mlp.weight", 1f);
        await BundleAsync(Pack, bundle, "--check-prompt-ids", "1,2");
        Adapters.Bundles.AdapterBundle opened = Adapters.Bundles.AdapterBundle.Open(bundle);
        Adapters.Adapter changed = Adapters.Import.AdapterReader.OpenWithoutBase(Path.Combine(other, "adapter"));
        Adapters.Bundles.AdapterBundle.Write(directory.File("wrong"), changed, opened.Manifest.Name, opened.Manifest.Version, opened.Manifest.BaseModelHash, opened.Checks);

        Invocation run = await Invocation.RunAsync("verify", directory.File("wrong"), "--model", Packs.Model(Pack), "--json");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.False(run.Json.GetProperty("passed").GetBoolean());
        Assert.Contains("the logits differ by", run.Json.GetProperty("faults")[0].GetString());
    }

    [Theory]
    [InlineData("a bundle needs check prompts")]
    [InlineData("from --check-data or from --check-prompt-ids, not from both", "--check-data", "x", "--check-prompt-ids", "1")]
    [InlineData("--checks-per-task is about the records of --check-data", "--check-prompt-ids", "1", "--checks-per-task", "3")]
    [InlineData("'x' at position 1 is not a token id", "--check-prompt-ids", "1,x")]
    public async Task Bundle_OptionsThatDoNotFit_AreRefused(string message, params string[] rest)
    {
        Invocation run = await BundleAsync("llama-tiny", "never-made", rest);

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains(message, run.Error);
    }

    [Fact]
    public async Task Verify_ModelOptionThatDoesNotFit_IsRefused()
    {
        using var directory = new TemporaryDirectory();
        await BundleAsync("llama-tiny", directory.File("bundle"), "--check-prompt-ids", "1,2");

        Invocation bundle = await Invocation.RunAsync("verify", directory.File("bundle"));
        Invocation pack = await Invocation.RunAsync("verify", Packs.Model("llama-tiny"), "--model", Packs.Model("llama-tiny"));

        Assert.Equal((ExitCode.Usage, ExitCode.Usage), (bundle.ExitCode, pack.ExitCode));
        Assert.Contains("is a bundle; say what its base model is", bundle.Error);
        Assert.Contains("is no bundle", pack.Error);
    }

    private static Task<Invocation> BundleAsync(string pack, string destination, params string[] rest) =>
        Invocation.RunAsync(["bundle", "--model", Packs.Model(pack), "--adapter", Packs.Adapter(pack), "--name", "demo", "--adapter-version", "1.0.0", "--out", destination, .. rest]);

    private static Task<Invocation> BundleRecordsAsync(TemporaryDirectory pack, string records, params string[] rest)
    {
        File.WriteAllText(pack.File("records.jsonl"), records);
        WriteNames(pack.File("names.json"));
        return Invocation.RunAsync([
            "bundle", "--model", pack.Path, "--adapter", pack.File("adapter"), "--task-names", pack.File("names.json"), "--name", "demo", "--adapter-version", "1",
            "--check-data", pack.File("records.jsonl"), "--out", pack.File("bundle"), .. rest]);
    }

    private static void WriteNames(string file) =>
        File.WriteAllText(file, JsonSerializer.Serialize(new { str2id = Tasks.Select((name, i) => (name, i)).ToDictionary(task => task.name, task => task.i + 1) }));

    // Inputs of printable ASCII without spaces: ByteTokenizer gives each character its code − 33.
    private static string Records(int perTask) => string.Concat(Enumerable.Range(0, perTask * Tasks.Length).Select(i =>
    {
        string task = Tasks[i % Tasks.Length];
        int number = i / Tasks.Length;
        return JsonSerializer.Serialize(new { input = $"{task}-{number}!", target = "", answer_choices = new[] { "a" }, task_type = "t", task_dataset = task, sample_id = $"{number}" }) + "\n";
    }));
}
