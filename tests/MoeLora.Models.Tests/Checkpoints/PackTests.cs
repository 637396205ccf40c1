using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Checkpoints;

public sealed unsafe class PackTests
{
    [Theory]
    [InlineData("chatglm-tiny", "transformer.word_embeddings.weight")]
    [InlineData("llama-tiny", "model.embed_tokens.weight")]
    [InlineData("qwen2-tiny", "model.embed_tokens.weight")]
    public void Open_ModelOfAPack_HasEmbeddings(string pack, string embeddings)
    {
        using Checkpoint checkpoint = Checkpoint.Open(TestFiles.Path(pack));

        TensorView view = checkpoint.View(embeddings);

        Assert.Equal((320, 64, DType.F32), (view.Rows, view.Columns, view.DType));
        Assert.NotEqual(0f, ((float*)view.Data)[0]);
    }
}
