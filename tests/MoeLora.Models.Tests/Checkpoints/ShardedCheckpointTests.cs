using System.Text.Json;
using MoeLora.Models.Checkpoints;

namespace MoeLora.Models.Tests.Checkpoints;

public sealed class ShardedCheckpointTests : IDisposable
{
    private const string Shard1 = "model-00001-of-00002.safetensors";
    private const string Shard2 = "model-00002-of-00002.safetensors";
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Open_TwoShards_JoinsThem()
    {
        WriteShard(Shard1, "a", "b");
        WriteShard(Shard2, "c");
        WriteIndex(("a", Shard1), ("b", Shard1), ("c", Shard2));

        using var checkpoint = Checkpoint.Open(_directory.Path);

        Assert.Equal(["a", "b", "c"], checkpoint.Tensors.Keys.Order());
        Assert.Equal(['c'], checkpoint.View("c").Floats());
        Assert.Equal(["model.safetensors.index.json", Shard1, Shard2], checkpoint.Files.Select(Path.GetFileName));
    }

    [Fact]
    public void Open_ShardsOfPyTorch_JoinsThem()
    {
        _directory.Write("pytorch_model-1.bin", TorchBytes.File(TorchBytes.Tensors(new TestTensor("a", [1])), ("0", TorchBytes.Floats(1))));
        _directory.Write("pytorch_model-2.bin", TorchBytes.File(TorchBytes.Tensors(new TestTensor("b", [1])), ("0", TorchBytes.Floats(2))));
        _directory.Write("pytorch_model.bin.index.json", """{"metadata":{"total_size":8},"weight_map":{"a":"pytorch_model-1.bin","b":"pytorch_model-2.bin"}}""");

        using var checkpoint = Checkpoint.Open(_directory.Path);

        Assert.Equal([2], checkpoint.View("b").Floats());
    }

    [Fact]
    public void Open_IndexThatDisagrees_ReportsEverything()
    {
        WriteShard(Shard1, "a", "twice", "unlisted");
        WriteShard(Shard2, "twice");
        WriteIndex(("a", Shard1), ("b", Shard1), ("twice", Shard2), ("c", "model-missing.safetensors"));

        string message = ErrorOfOpen();

        Assert.Contains("4 problems", message);
        Assert.Contains("shard 'model-missing.safetensors' is missing", message);
        Assert.Contains($"'b' is not in the shard '{Shard1}'", message);
        Assert.Contains($"'twice' is in both '{Shard1}' and '{Shard2}'", message);
        Assert.Contains($"'unlisted' of the shard '{Shard1}' is not in the index", message);
    }

    [Fact]
    public void Open_DamagedShard_NamesIt()
    {
        _directory.Write(Shard1, new byte[4]);
        WriteIndex(("a", Shard1));

        Assert.Contains(Shard1, ErrorOfOpen());
    }

    [Theory]
    [InlineData("../model.safetensors")]
    [InlineData("sub/model.safetensors")]
    [InlineData("/etc/model.safetensors")]
    [InlineData(@"..\\model.safetensors")]
    [InlineData(@"c:model.safetensors")]
    [InlineData("..")]
    [InlineData("")]
    [InlineData(".safetensors")]
    [InlineData("weights.bin")]
    [InlineData(@"a\u0000.safetensors")]
    public void Open_ShardNameThatLeavesTheDirectory_IsRefused(string shard)
    {
        _directory.Write("model.safetensors.index.json", $$$"""{"weight_map":{"first":"{{{shard}}}","second":7}}""");

        string message = ErrorOfOpen();

        Assert.Contains("'first'", message);
        Assert.Contains("'second'", message);
        Assert.Contains("beside the index", message);
    }

    [Theory]
    [InlineData("""{"weight_map":{}}""", "names no tensors")]
    [InlineData("""{"weights":{}}""", "no object 'weight_map'")]
    [InlineData("""{"weight_map":["a"]}""", "no object 'weight_map'")]
    [InlineData("""["a"]""", "not an object")]
    [InlineData("""{"weight_map":{"a":"x.safetensors","a":"x.safetensors"}}""", "not valid JSON")]
    [InlineData("""{"weight_map":""", "not valid JSON")]
    [InlineData("", "not valid JSON")]
    public void Open_BrokenIndex_IsRefused(string index, string expected)
    {
        _directory.Write("model.safetensors.index.json", index);

        Assert.Contains(expected, ErrorOfOpen());
    }

    private string ErrorOfOpen() => Assert.Throws<CheckpointException>(() => Checkpoint.Open(_directory.Path)).Message;

    private void WriteShard(string file, params string[] tensors) =>
        SafetensorsWriter.Write(_directory.File(file), tensors.Select(name => new SafetensorsEntry(name, [1], new float[] { name[0] })));

    private void WriteIndex(params (string Tensor, string Shard)[] map) =>
        _directory.Write("model.safetensors.index.json", JsonSerializer.Serialize(new { weight_map = map.ToDictionary(pair => pair.Tensor, pair => pair.Shard) }));
}
