using MoeLora.Models.Architectures;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Configs;
using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Architectures;

[Collection(Pack.DeviceUsers)]
public sealed class LoadTests
{
    private const string Up = "model.layers.1.mlp.up_proj.weight";
    private const string Norm = "model.norm.weight";

    [Fact]
    public void Load_TensorsThatDoNotFit_ListsAllOfThem()
    {
        using var checkpoint = new EditedCheckpoint("llama-tiny");
        checkpoint.Remove("model.layers.0.self_attn.k_proj.weight");
        checkpoint.Remove(Norm);
        checkpoint.Put(Up, new float[64 * 176], 64, 176);
        checkpoint.Put("model.layers.0.input_layernorm.weight", new float[64], 1, 64);
        checkpoint.Put("model.layers.0.self_attn.q_proj.bias", new float[64], 64);
        checkpoint.Put("lm_head.weight", new long[320 * 64], 320, 64);

        var error = Assert.Throws<CheckpointException>(() => Load(checkpoint, DType.F32));

        Assert.Contains("6 differ", error.Message);
        Assert.Contains("missing: model.layers.0.self_attn.k_proj.weight [32, 64]", error.Message);
        Assert.Contains("missing: model.norm.weight [64]", error.Message);
        Assert.Contains($"shape: {Up} is [64, 176], the config asks for [176, 64]", error.Message);
        Assert.Contains("shape: model.layers.0.input_layernorm.weight is [1, 64], the config asks for [64]", error.Message);
        Assert.Contains("unexpected: 'model.layers.0.self_attn.q_proj.bias' [64]", error.Message);
        Assert.Contains("dtype: lm_head.weight is Int64", error.Message);
    }

    [Fact]
    public void Load_HarmlessBuffers_AreLeftAlone()
    {
        using var checkpoint = new EditedCheckpoint("llama-tiny");
        checkpoint.Put("model.layers.0.self_attn.rotary_emb.inv_freq", new float[8], 8);

        using CausalModel model = Load(checkpoint, DType.F32);

        Assert.Equal(2, model.Config.LayerCount);
    }

    [Fact]
    public void Load_RepeatedTiedHead_IsAccepted()
    {
        using var checkpoint = new EditedCheckpoint("qwen2-tiny");
        checkpoint.Put("lm_head.weight", checkpoint.Elements("model.embed_tokens.weight"), 320, 64);

        using CausalModel model = Load(checkpoint, DType.F32, "qwen2-tiny");

        Assert.Equal(2, model.Config.LayerCount);
    }

    [Fact]
    public void Load_TiedHeadThatDiffers_IsRefused()
    {
        using var checkpoint = new EditedCheckpoint("qwen2-tiny");
        float[] head = checkpoint.Elements("model.embed_tokens.weight");
        head[^1] += 1;
        checkpoint.Put("lm_head.weight", head, 320, 64);

        var error = Assert.Throws<CheckpointException>(() => Load(checkpoint, DType.F32, "qwen2-tiny"));

        Assert.Contains("not tied: lm_head.weight", error.Message);
    }

    [Fact]
    public void Load_NaNAndInfinity_NamesEveryTensorThatHoldsOne()
    {
        using var checkpoint = new EditedCheckpoint("llama-tiny");
        checkpoint.Put(Up, With(checkpoint.Elements(Up), 176 * 64 - 1, float.NaN), 176, 64);
        checkpoint.Put(Norm, With(checkpoint.Elements(Norm), 0, float.NegativeInfinity), 64);

        var error = Assert.Throws<CheckpointException>(() => Load(checkpoint, DType.F32));

        Assert.Contains(Up, error.Message);
        Assert.Contains(Norm, error.Message);
        Assert.DoesNotContain("q_proj", error.Message);
    }

    [Fact]
    public void Load_ValueTooLargeForF16_IsRefusedOnlyInF16()
    {
        using var checkpoint = new EditedCheckpoint("llama-tiny");
        checkpoint.Put(Up, With(checkpoint.Elements(Up), 5, 65_520), 176, 64);

        using CausalModel model = Load(checkpoint, DType.BF16);
        var error = Assert.Throws<CheckpointException>(() => Load(checkpoint, DType.F16));

        Assert.Contains(Up, error.Message);
    }

    [Fact]
    public void Load_Progress_EndsAtTheTotal()
    {
        var reports = new List<LoadProgress>();
        Device device = Pack.Device("reference");

        using CausalModel model = ModelLoader.Load(Pack.Directory("llama-tiny"), device, DType.F32, new Recorder(reports));

        Assert.Equal((21, 21), (reports.Count, reports.Select(report => report.TensorName).Distinct().Count()));
        Assert.Equal(reports[^1].BytesTotal, reports[^1].BytesDone);
        Assert.Equal(4 * model.ParameterCount, reports[^1].BytesTotal);
    }

    [Fact]
    public void Load_ConfigWithoutArchitecture_IsRefused()
    {
        using var checkpoint = new EditedCheckpoint("llama-tiny");
        Device device = Pack.Device("reference");

        Assert.Throws<CheckpointException>(() => ModelLoader.Load(checkpoint, new UnknownConfig(ModelConfigReader.Read(Pack.Directory("llama-tiny"))), device, DType.F32));
    }

    private static CausalModel Load(Checkpoint checkpoint, DType weights, string pack = "llama-tiny")
        => ModelLoader.Load(checkpoint, ModelConfigReader.Read(Pack.Directory(pack)), Pack.Device("reference"), weights);

    private static float[] With(float[] elements, int index, float value)
    {
        elements[index] = value;
        return elements;
    }

    private sealed class Recorder(List<LoadProgress> reports) : IProgress<LoadProgress>
    {
        public void Report(LoadProgress value) => reports.Add(value);
    }

    private sealed record UnknownConfig : ModelConfig
    {
        [System.Diagnostics.CodeAnalysis.SetsRequiredMembers]
        public UnknownConfig(ModelConfig other)
            : base(other)
        {
        }
    }
}
