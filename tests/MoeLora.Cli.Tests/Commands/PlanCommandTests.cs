using MoeLora.Adapters;
using MoeLora.Adapters.Experts;
using MoeLora.Adapters.Import;
using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Configs;
using MoeLora.Tensors;

namespace MoeLora.Cli.Tests.Commands;

/// <summary>A plan is what is held when everything is loaded.</summary>
public sealed class PlanCommandTests
{
    [Theory]
    [InlineData("qwen2-tiny", "f32")]
    [InlineData("qwen2-tiny", "q8")]
    [InlineData("llama-tiny", "bf16")]
    [InlineData("chatglm-tiny", "f16")]
    public async Task Plan_IsWhatLoadedWeightsHold(string pack, string weights)
    {
        Invocation run = await Invocation.RunAsync("plan", "--model", Packs.Model(pack), "--adapter", Packs.Adapter(pack), "--weights", weights, "--tokens", "33", "--max-sequences", "50", "--merged", "1", "--json");

        Assert.Equal("", run.Error);
        using Device device = DeviceKinds.Open("cpu", 1);
        using Checkpoint published = Checkpoint.Open(Packs.Model(pack));
        using CausalModel model = ModelLoader.Load(published, ModelConfigReader.Read(Packs.Model(pack)), device, DTypes.Parse(weights));
        Adapter adapter = AdapterReader.Open(Packs.Adapter(pack), model.LinearModules);
        using DeviceBank bank = adapter.ToDevice(model);
        using CausalModel merged = Recovery.Merge(model, published, adapter, [adapter.Tasks[0]]);
        Assert.Equal(
            (model.ResidentBytes, bank.ResidentBytes, merged.ResidentBytes, model.KvBytesPerPosition, 64 * model.KvBytesPerPosition),
            (Bytes("base_bytes"), Bytes("bank_bytes"), Bytes("merged_task_bytes"), Bytes("kv_position_bytes"), Bytes("kv_answer_bytes")));
        Assert.Equal(Bytes("base_bytes") + (2 * Bytes("bank_bytes")) + Bytes("merged_task_bytes") + Bytes("kv_bytes"), Bytes("total_bytes"));
        Assert.Equal(Math.Max(50 * Bytes("kv_answer_bytes"), (model.Config.MaxPositions + 31) / 32 * 32 * model.KvBytesPerPosition), Bytes("kv_bytes"));

        long Bytes(string member) => run.Json.GetProperty(member).GetInt64();
    }

    [Fact]
    public async Task Plan_OfAnAdapterOfAnotherModel_IsRefusedByItsModules()
    {
        Invocation run = await Invocation.RunAsync("plan", "--model", Packs.Model("qwen2-tiny"), "--adapter", Packs.Adapter("chatglm-tiny"));

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("is for another model: it adapts", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Give either --model DIR or --shape NAME.")]
    [InlineData("A shape has no published format; give --weights.", "--shape", "qwen2-0.5b")]
    [InlineData("--merged needs an adapter: --adapter DIR or --rank N.", "--shape", "qwen2-0.5b", "--weights", "q8", "--merged", "1")]
    public async Task Plan_WithoutWhatItNeeds_SaysWhat(string problem, params string[] options)
    {
        Invocation run = await Invocation.RunAsync(["plan", .. options]);

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains(problem, run.Error, StringComparison.Ordinal);
    }
}
