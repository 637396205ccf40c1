using System.Text.Json;
using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Checkpoints;

public sealed class PackTests
{
    [Theory]
    [InlineData("chatglm-tiny", "transformer.word_embeddings.weight")]
    [InlineData("llama-tiny", "model.embed_tokens.weight")]
    [InlineData("qwen2-tiny", "model.embed_tokens.weight")]
    public void Open_ModelOfAPack_HasEmbeddings(string pack, string embeddings)
    {
        using var checkpoint = Checkpoint.Open(TestFiles.Path(pack));

        TensorView view = checkpoint.View(embeddings);

        Assert.Equal((320, 64, DType.F32), (view.Rows, view.Columns, view.DType));
        Assert.NotEqual(0f, view.Floats()[0]);
    }

    [Fact]
    public void Open_LlamaAdapterAsBin_EqualsItsSafetensors()
    {
        using var bin = Checkpoint.OpenAdapter(TestFiles.Path("llama-tiny", "adapter", "adapter_model.bin"));
        using var safetensors = Checkpoint.OpenAdapter(TestFiles.Path("llama-tiny", "adapter"));

        Assert.EndsWith(".safetensors", Assert.Single(safetensors.Files));
        Assert.Equal(safetensors.Tensors.Keys.Order(), bin.Tensors.Keys.Order());
        foreach ((string name, CheckpointTensor tensor) in safetensors.Tensors)
        {
            Assert.Equal(tensor.Shape, bin.Tensors[name].Shape);
            Assert.Equal(safetensors.View(name).Floats(), bin.View(name).Floats());
        }
    }

    [Fact]
    public void Open_ChatGlmAdapter_HasThePublishedNames()
    {
        string[] names = JsonSerializer.Deserialize<string[]>(File.ReadAllText(TestFiles.Path("chatglm-tiny", "adapter_keys.json")))!;

        using var adapter = Checkpoint.OpenAdapter(TestFiles.Path("chatglm-tiny", "adapter"));

        Assert.Equal(names.Order(StringComparer.Ordinal), adapter.Tensors.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Open_ChatGlmAdapter_HasTheSameExpertUnderBothOfItsNames()
    {
        using var adapter = Checkpoint.OpenAdapter(TestFiles.Path("chatglm-tiny", "adapter"));

        string[] doubled = [.. adapter.Tensors.Keys.Where(name => name.EndsWith(".mlp.weight", StringComparison.Ordinal))];

        Assert.NotEmpty(doubled);
        Assert.All(doubled, name => Assert.Equal(adapter.View(name).Floats(), adapter.View(name.Replace(".mlp.weight", ".weight", StringComparison.Ordinal)).Floats()));
    }
}
