using System.Text.Json;
using System.Text.Json.Nodes;

namespace MoeLora.Cli.Tests.Commands;

public sealed class VerifyCommandTests
{
    [Theory]
    [MemberData(nameof(Packs.Names), MemberType = typeof(Packs))]
    public async Task Verify_Pack_Passes(string pack)
    {
        Invocation run = await Invocation.RunAsync("verify", Packs.Model(pack));

        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Contains("PASSED", run.Out);
    }

    [Theory]
    // 3 prompts of the base model; tasks × 3 prompts; gates (ChatGLM's with the padding row); recovered weights; a sequence for each task.
    [InlineData("chatglm-tiny", "logits base 3|task logits merged 24|task logits shared 24|composed tasks' logits merged 1|composed tasks' logits shared 1|gate weights  9|recovered weights merged 4|greedy tokens merged 8|greedy tokens shared 8|trainable parameters  1|total parameters  1|training loss  1|gradients (relative)  66")]
    [InlineData("llama-tiny", "logits base 3|task logits merged 24|task logits shared 24|gate weights  8|recovered weights merged 7|greedy tokens merged 8|greedy tokens shared 8")]
    [InlineData("qwen2-tiny", "logits base 3|task logits merged 18|task logits shared 18|gate weights  6|recovered weights merged 7|greedy tokens merged 6|greedy tokens shared 6")]
    public async Task Verify_Pack_ComparesEverythingThatItOffers(string pack, string comparisons)
    {
        JsonElement report = (await Invocation.RunAsync("verify", Packs.Model(pack), "--json")).Json;

        Assert.Equal(
            comparisons.Split('|'),
            report.GetProperty("comparisons").EnumerateArray().Select(c => $"{c.GetProperty("quantity")} {c.GetProperty("form")} {c.GetProperty("compared")}"));
        Assert.True(report.GetProperty("passed").GetBoolean());
    }

    [Theory]
    [InlineData("grad.base_model.model.transformer.layers.0.attention.dense.lora_A.loraA.3.weight", "gradients")]
    [InlineData("grad.base_model.model.transformer.layers.0.mlp.dense_4h_to_h.lora_B.loraB.7.weight", "gradients")]
    [InlineData("grad.lora_task_embedding.weight", "gradients")]
    [InlineData("grad.lora_gate.GateL.weight", "gradients")]
    [InlineData(null, "training loss")]
    public async Task Verify_OtherGradientOrLoss_Fails(string? gradient, string quantity)
    {
        using var directory = new TemporaryDirectory();
        string pack = Packs.Copy("chatglm-tiny", directory);
        if (gradient is null)
            Edit(directory.File("expected.json"), expected => expected["train_batch"]!["loss"] = expected["train_batch"]!["loss"]!.GetValue<double>() + 2e-4);
        else
            TensorEdit.Add(directory.File("expected.safetensors"), gradient, 0.01f);

        JsonElement report = (await Invocation.RunAsync("verify", pack, "--json")).Json;

        JsonElement failed = Assert.Single(report.GetProperty("comparisons").EnumerateArray(), comparison => !comparison.GetProperty("passed").GetBoolean());
        Assert.StartsWith(quantity, failed.GetProperty("quantity").GetString());
        Assert.Equal(gradient ?? "train_batch", failed.GetProperty("at").GetString());
    }

    [Fact]
    public async Task Verify_PackWithGradientsOfNoBatch_SaysThatTheyWereNotCompared()
    {
        using var directory = new TemporaryDirectory();
        string pack = Packs.Copy("chatglm-tiny", directory);
        Edit(directory.File("expected.json"), expected => expected.Remove("train_batch"));

        Invocation run = await Invocation.RunAsync("verify", pack);

        Assert.Contains("not compared: grad.* (66 tensors): the pack has no train_batch that they are of", run.Out);
        Assert.Equal(ExitCode.Ok, run.ExitCode);
    }

    [Fact]
    public async Task Verify_TrainBatchThatContradictsItself_ListsEverything()
    {
        using var directory = new TemporaryDirectory();
        string pack = Packs.Copy("chatglm-tiny", directory);
        Edit(directory.File("expected.json"), expected =>
        {
            expected["train_batch"]!["labels"]![0]![12] = 9;
            expected["train_batch"]!["task_id"]![1] = 9;
        });

        Invocation run = await Invocation.RunAsync("verify", pack);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("the labels of sample 0 are not -100 for a prompt and then the rest of its input_ids", run.Error);
        Assert.Contains("sample 1 is of task 9; the adapter's tasks are 1 to 8", run.Error);
    }

    [Fact]
    public async Task Verify_OtherExpectedToken_FailsAndNamesIt()
    {
        using var directory = new TemporaryDirectory();
        string pack = Packs.Copy("llama-tiny", directory);
        JsonNode expected = JsonNode.Parse(File.ReadAllText(directory.File("expected.json")))!;
        expected["greedy"]!["3"]![5] = 7;
        File.WriteAllText(directory.File("expected.json"), expected.ToJsonString());

        Invocation run = await Invocation.RunAsync("verify", pack);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains($"greedy.3: token 5 is {Packs.Greedy("llama-tiny", 3)[5]}, expected 7.", run.Out);
        Assert.Contains("FAILED: 2 of 7", run.Out);
    }

    [Theory]
    [InlineData("task2.logits.1", 2e-3f)]
    [InlineData("base.logits.0", 2e-3f)]
    [InlineData("gate.5", 2e-5f)]
    [InlineData("merged.task2.model.layers.0.k_proj", 2e-5f)]
    [InlineData("task2.logits.1", float.NaN)]
    public async Task Verify_ExpectedValuePastItsTolerance_Fails(string tensor, float change)
    {
        using var directory = new TemporaryDirectory();
        string pack = Packs.Copy("llama-tiny", directory);
        TensorEdit.Add(directory.File("expected.safetensors"), tensor, change);

        Invocation run = await Invocation.RunAsync("verify", pack);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("FAILED", run.Out);
        Assert.Contains(tensor, run.Out);
    }

    [Fact]
    public async Task Verify_ChangedAdapter_Fails()
    {
        using var directory = new TemporaryDirectory();
        string pack = Packs.Copy("qwen2-tiny", directory);
        TensorEdit.Add(Path.Combine(pack, "adapter", "adapter_model.safetensors"), "base_model.model.model.layers.1.mlp.down_proj.lora_B.loraB.0.mlp.weight", 1f);

        Invocation run = await Invocation.RunAsync("verify", pack);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
    }

    [Fact]
    public async Task Verify_OtherWeights_JudgesOnlyWhatDoesNotDependOnThem()
    {
        Invocation run = await Invocation.RunAsync("verify", Packs.Model("llama-tiny"), "--weights", "bf16", "--json");

        Assert.Equal(
            ["gate weights", "recovered weights"],
            run.Json.GetProperty("comparisons").EnumerateArray().Where(c => c.GetProperty("judged").GetBoolean()).Select(c => c.GetProperty("quantity").GetString()));
        Assert.Equal(ExitCode.Ok, run.ExitCode);
    }

    [Fact]
    public async Task Verify_PackThatContradictsItself_ListsEverything()
    {
        using var directory = new TemporaryDirectory();
        string pack = Packs.Copy("llama-tiny", directory);
        JsonNode expected = JsonNode.Parse(File.ReadAllText(directory.File("expected.json")))!;
        expected["prompts"]!.AsArray().RemoveAt(2);
        expected["greedy"]!["9"] = new JsonArray(1, 2);
        File.WriteAllText(directory.File("expected.json"), expected.ToJsonString());

        Invocation run = await Invocation.RunAsync("verify", pack);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("base.logits.2 is of prompt 2; there are 2.", run.Error);
        Assert.Contains("greedy '9' is of task 9; the adapter's tasks are 1 to 8.", run.Error);
    }

    [Fact]
    public async Task Verify_NoPack_SaysWhatIsMissing()
    {
        using var directory = new TemporaryDirectory();

        Invocation run = await Invocation.RunAsync("verify", directory.Path);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("is not a reference pack; there is no expected.json", run.Error);
        Assert.Empty(run.Out);
    }

    private static void Edit(string file, Action<JsonObject> edit)
    {
        JsonObject json = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        edit(json);
        File.WriteAllText(file, json.ToJsonString());
    }
}
