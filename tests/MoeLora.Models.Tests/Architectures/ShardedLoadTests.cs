using System.Text.Json;
using MoeLora.Models.Architectures;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Tests.Checkpoints;
using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Architectures;

[Collection(Pack.DeviceUsers)]
public sealed class ShardedLoadTests
{
    [Theory]
    [InlineData("chatglm-tiny")]
    [InlineData("llama-tiny")]
    [InlineData("qwen2-tiny")]
    public void Load_SameTensorsInTwoShards_SameLogits(string pack)
    {
        using var directory = new TempDirectory();
        Split(pack, directory);
        Device device = Pack.Device("reference");
        using CausalModel single = ModelLoader.Load(Pack.Directory(pack), device, DType.F32);
        using CausalModel sharded = ModelLoader.Load(directory.Path, device, DType.F32);
        int[] prompt = Pack.Prompts(pack)[0];

        Assert.Equal(0, Stepping.Distance(single.Prefill(prompt), sharded.Prefill(prompt)));
        Assert.Equal(single.ParameterCount, sharded.ParameterCount);
    }

    private static void Split(string pack, TempDirectory directory)
    {
        using Checkpoint checkpoint = Checkpoint.Open(Pack.Directory(pack));
        var shards = new Dictionary<string, string>();
        int count = 0;
        foreach (string name in checkpoint.Tensors.Keys)
            shards[name] = $"model-0000{1 + count++ % 2}-of-00002.safetensors";
        foreach (IGrouping<string, string> shard in shards.GroupBy(pair => pair.Value, pair => pair.Key))
            SafetensorsWriter.Write(directory.File(shard.Key), shard.Select(name => new SafetensorsEntry(name, checkpoint.Tensors[name].Shape, checkpoint.View(name))));
        directory.Write("model.safetensors.index.json", JsonSerializer.SerializeToUtf8Bytes(new { metadata = new { }, weight_map = shards }));
        File.Copy(TestFiles.Path(pack, "config.json"), directory.File("config.json"));
    }
}
