using System.Text.Json;

namespace MoeLora.Cli.Tests.Commands;

public sealed class InspectCommandTests
{
    [Fact]
    public async Task Inspect_Model_CountsItsParameters()
    {
        JsonElement model = (await Invocation.RunAsync("inspect", Packs.Model("qwen2-tiny"), "--json")).Json;

        Assert.Equal("model", model.GetProperty("kind").GetString());
        Assert.Equal("qwen2", model.GetProperty("architecture").GetString());
        // 320·64 embedding, tied; by layer 64·64 + 2·32·64 + 64·64 + 3·160·64 weights, 64 + 2·32 biases and 2·64 norms; 64 last norm.
        Assert.Equal(320 * 64 + 2 * (2 * 4096 + 2 * 2048 + 3 * 10240 + 128 + 128) + 64, model.GetProperty("parameters").GetInt64());
    }

    [Fact]
    public async Task Inspect_ModelWhoseWeightsDoNotFit_IsRefused()
    {
        using var directory = new TemporaryDirectory();
        string pack = Packs.Copy("llama-tiny", directory);
        File.Copy(Path.Combine(Packs.Model("qwen2-tiny"), "model.safetensors"), directory.File("model.safetensors"), overwrite: true);

        Invocation run = await Invocation.RunAsync("inspect", pack);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("missing: lm_head.weight", run.Error);
    }

    [Fact]
    public async Task Inspect_AdapterWithItsModel_KnowsTheTrainableShare()
    {
        JsonElement adapter = (await Invocation.RunAsync("inspect", Packs.Adapter("chatglm-tiny"), "--model", Packs.Model("chatglm-tiny"), "--json")).Json;

        // The counts that the authors' own code printed for this pack.
        Assert.Equal(42560.0 / 183616, adapter.GetProperty("trainable_share").GetDouble(), 12);
        Assert.Equal(42560, adapter.GetProperty("parameters").GetInt64() + adapter.GetProperty("ignored_parameters").GetInt64());
    }

    [Fact]
    public async Task Inspect_Adapter_ShowsTheWeightsOfEveryExpertByTask()
    {
        Invocation run = await Invocation.RunAsync("inspect", Packs.Adapter("llama-tiny"));

        // Task 3 of this pack leaves nearly everything to expert 6.
        Assert.Matches(@"\| 3  \| 3 +\| 0\.000 \| 0\.002 \| 0\.000 \| 0\.000 \| 0\.000 \| 0\.000 \| 0\.998 \| 0\.000 \|", run.Out);
        Assert.DoesNotContain('\u001b', run.Out);
    }

    [Fact]
    public async Task Inspect_AdapterWithNames_ShowsThem()
    {
        using var directory = new TemporaryDirectory();
        string names = directory.File("task_dataset.json");
        File.WriteAllText(names, """{"str2id": {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "CMeEE-V2": 6}}""");

        Invocation run = await Invocation.RunAsync("inspect", Packs.Adapter("qwen2-tiny"), "--task-names", names);

        Assert.Contains("| 6  | CMeEE-V2 |", run.Out);
    }

    [Fact]
    public async Task Inspect_AdapterOfAnotherModel_ListsTheMismatches()
    {
        Invocation run = await Invocation.RunAsync("inspect", Packs.Adapter("qwen2-tiny"), "--model", Packs.Model("llama-tiny"));

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("[160, 2] instead of [176, 2]", run.Error);
    }

    [Fact]
    public async Task Inspect_CheckpointFile_ListsItsTensors()
    {
        JsonElement file = (await Invocation.RunAsync("inspect", Path.Combine(Packs.Adapter("chatglm-tiny"), "adapter_model.bin"), "--json")).Json;

        Assert.Equal("checkpoint", file.GetProperty("kind").GetString());
        Assert.Contains(file.GetProperty("tensors").EnumerateArray(), tensor => tensor.GetProperty("name").GetString() == "base_model.model.transformer.layers.0.mlp.dense_4h_to_h.lora_gate.GateL.weight");
    }

    [Fact]
    public async Task Inspect_Nothing_SaysWhatCanBeInspected()
    {
        using var directory = new TemporaryDirectory();

        Invocation run = await Invocation.RunAsync("inspect", directory.Path);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("holds neither config.json (a model) nor adapter_config.json", run.Error);
    }
}
