using System.Security.Cryptography;
using System.Text;
using MoeLora.Models.Checkpoints;

namespace MoeLora.Models.Tests.Checkpoints;

public sealed class BaseModelHashTests : IDisposable
{
    private readonly TempDirectory _model = new();

    public BaseModelHashTests()
    {
        SafetensorsWriter.Write(_model.File("model.safetensors"), [new("a", [2], new float[] { 1, 2 })]);
        _model.Write("config.json", "{}");
    }

    public void Dispose() => _model.Dispose();

    [Fact]
    public void Hash_Model_IsSha256OfNamesSizesAndContents()
    {
        byte[] weights = File.ReadAllBytes(_model.File("model.safetensors"));
        byte[] expected =
        [
            .. Encoding.UTF8.GetBytes("config.json\0"), .. BitConverter.GetBytes(2L), .. "{}"u8,
            .. Encoding.UTF8.GetBytes("model.safetensors\0"), .. BitConverter.GetBytes((long)weights.Length), .. weights,
        ];

        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(expected)), BaseModelHash.Hash(_model.Path));
    }

    [Fact]
    public void Hash_AfterOneBitOfAWeight_Differs()
    {
        string before = BaseModelHash.Hash(_model.Path);
        byte[] weights = File.ReadAllBytes(_model.File("model.safetensors"));
        weights[^1] ^= 1;
        _model.Write("model.safetensors", weights);

        Assert.NotEqual(before, BaseModelHash.Hash(_model.Path));
    }

    [Fact]
    public void Hash_AfterTheConfigChanged_Differs()
    {
        string before = BaseModelHash.Hash(_model.Path);
        _model.Write("config.json", "{ }");

        Assert.NotEqual(before, BaseModelHash.Hash(_model.Path));
    }

    [Fact]
    public void Hash_WithFilesThatAreNotTheModel_IsTheSame()
    {
        string before = BaseModelHash.Hash(_model.Path);
        _model.Write("README.md", "text");
        _model.Write("pytorch_model.bin", "the same weights in a format that is not read");

        Assert.Equal(before, BaseModelHash.Hash(_model.Path));
    }

    [Fact]
    public void Hash_ShardedModel_CoversEveryShard()
    {
        File.Move(_model.File("model.safetensors"), _model.File("part.safetensors"));
        _model.Write("model.safetensors.index.json", """{"weight_map":{"a":"part.safetensors"}}""");
        string before = BaseModelHash.Hash(_model.Path);
        SafetensorsWriter.Write(_model.File("part.safetensors"), [new("a", [2], new float[] { 1, 3 })]);

        Assert.NotEqual(before, BaseModelHash.Hash(_model.Path));
    }

    [Fact]
    public void Hash_Progress_EndsAtTheTotal()
    {
        List<(long Done, long Total)> steps = [];

        BaseModelHash.Hash(_model.Path, (done, total) => steps.Add((done, total)));

        long size = new FileInfo(_model.File("model.safetensors")).Length + 2;
        Assert.Equal((size, size), steps[^1]);
        Assert.Equal(steps.Order(), steps);
    }

    [Fact]
    public void Hash_Cancelled_Stops() =>
        Assert.Throws<OperationCanceledException>(() => BaseModelHash.Hash(_model.Path, cancellation: new CancellationToken(canceled: true)));

    [Fact]
    public void Hash_WithoutConfig_SaysWhatIsMissing()
    {
        File.Delete(_model.File("config.json"));

        Assert.Contains("config.json", Assert.Throws<CheckpointException>(() => BaseModelHash.Hash(_model.Path)).Message);
    }
}
