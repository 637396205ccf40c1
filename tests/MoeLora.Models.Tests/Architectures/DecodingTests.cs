using MoeLora.Models.Architectures;
using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Architectures;

/// <summary>However a sequence's tokens are cut into steps and whatever else is in a step, its logits are those of one step alone.</summary>
[Collection(Pack.DeviceUsers)]
public sealed class DecodingTests
{
    // The cut changes which kernels and orders of summation are used: float32 rounding, a few 1e-6 here.
    private const float Tolerance = 1e-4f;

    [Theory]
    [MemberData(nameof(Pack.OnEveryDevice), MemberType = typeof(Pack))]
    public void Forward_PrefixThenOneByOne_EqualsWholeAtOnce(string pack, string deviceName)
    {
        Device device = Pack.Device(deviceName);
        using CausalModel model = ModelLoader.Load(Pack.Directory(pack), device, DType.F32);
        int[] tokens = [.. Pack.Prompts(pack)[1], 11, 12, 13, 14, 15];
        using ModelSequence sequence = model.StartSequence(tokens, tokens.Length);
        int prefix = Math.Max(4, sequence.VisiblePrefix);

        List<float[]> rows = [.. model.Feed(sequence, tokens.AsSpan(0, prefix))];
        for (int i = prefix; i < tokens.Length; i++)
            rows.AddRange(model.Feed(sequence, tokens.AsSpan(i, 1)));

        Assert.InRange(Stepping.Distance(model.Prefill(tokens), [.. rows]), 0, Tolerance);
    }

    [Theory]
    [MemberData(nameof(Pack.OnEveryDevice), MemberType = typeof(Pack))]
    public void Forward_OnlyLastRowWanted_EqualsLastRowOfAll(string pack, string deviceName)
    {
        Device device = Pack.Device(deviceName);
        using CausalModel model = ModelLoader.Load(Pack.Directory(pack), device, DType.F32);
        int[] prompt = Pack.Prompts(pack)[1];
        using ModelSequence sequence = model.StartSequence(prompt, prompt.Length);

        float[][] last = model.Feed(sequence, prompt, LogitsWanted.Last);

        Assert.InRange(Stepping.Distance([model.Prefill(prompt)[^1]], last), 0, Tolerance);
    }

    [Theory]
    [MemberData(nameof(Pack.OnEveryDevice), MemberType = typeof(Pack))]
    public void Forward_NoLogitsWanted_StillFillsTheCache(string pack, string deviceName)
    {
        Device device = Pack.Device(deviceName);
        using CausalModel model = ModelLoader.Load(Pack.Directory(pack), device, DType.F32);
        int[] prompt = Pack.Prompts(pack)[0];
        using ModelSequence sequence = model.StartSequence(prompt, prompt.Length);

        Assert.Empty(model.Feed(sequence, prompt.AsSpan(0, prompt.Length - 1), LogitsWanted.None));
        float[][] last = model.Feed(sequence, prompt.AsSpan(prompt.Length - 1));

        Assert.InRange(Stepping.Distance([model.Prefill(prompt)[^1]], last), 0, Tolerance);
    }

    [Theory]
    [MemberData(nameof(Pack.OnEveryDevice), MemberType = typeof(Pack))]
    public void Forward_SequencesOfManyLengthsInOneStep_EachAsAlone(string pack, string deviceName)
    {
        Device device = Pack.Device(deviceName);
        using CausalModel model = ModelLoader.Load(Pack.Directory(pack), device, DType.F32);
        int[][] prompts = Pack.Prompts(pack);
        using ModelSequence started = model.StartSequence(prompts[0], prompts[0].Length + 1);
        model.Feed(started, prompts[0]);
        using ModelSequence second = model.StartSequence(prompts[1], prompts[1].Length);
        using ModelSequence third = model.StartSequence(prompts[2], prompts[2].Length);

        var batch = new StepBatch();
        batch.Add(started, [5], LogitsWanted.Last);
        batch.Add(second, prompts[1], LogitsWanted.All);
        batch.Add(third, prompts[2], LogitsWanted.Last);
        float[][] together = model.Run(batch);

        float[][] alone = [model.Prefill([.. prompts[0], 5])[^1], .. model.Prefill(prompts[1]), model.Prefill(prompts[2])[^1]];
        Assert.InRange(Stepping.Distance(alone, together), 0, Tolerance);
    }

    [Fact]
    public void Forward_Step_AdvancesTheSequence()
    {
        Device device = Pack.Device("reference");
        using CausalModel model = ModelLoader.Load(Pack.Directory("llama-tiny"), device, DType.F32);
        using ModelSequence sequence = model.StartSequence([1, 2, 3], 8);

        model.Feed(sequence, [1, 2, 3]);

        Assert.Equal((3, 3), (sequence.Length, sequence.PromptLength));
    }

    [Fact]
    public void Forward_LogitsOfWrongShape_ThrowsAndDoesNotAdvance()
    {
        Device device = Pack.Device("reference");
        using CausalModel model = ModelLoader.Load(Pack.Directory("llama-tiny"), device, DType.F32);
        using ModelSequence sequence = model.StartSequence([1, 2, 3], 8);
        using Tensor logits = device.Allocate(DType.F32, 1, model.Config.VocabularySize);
        var batch = new StepBatch();
        batch.Add(sequence, [1, 2, 3], LogitsWanted.All);

        Assert.Throws<ArgumentException>(() => model.Forward(batch, logits));
        Assert.Equal(0, sequence.Length);
    }

    [Fact]
    public void Add_PastTheCapacity_Throws()
    {
        Device device = Pack.Device("reference");
        using CausalModel model = ModelLoader.Load(Pack.Directory("llama-tiny"), device, DType.F32);
        using ModelSequence sequence = model.StartSequence([1, 2, 3], 4);
        model.Feed(sequence, [1, 2, 3]);
        model.Feed(sequence, [4]);

        var error = Assert.Throws<ArgumentException>(() => new StepBatch().Add(sequence, [5], LogitsWanted.Last));
        Assert.Contains("capacity of 4", error.Message);
    }

    [Fact]
    public void Add_SameSequenceTwice_Throws()
    {
        Device device = Pack.Device("reference");
        using CausalModel model = ModelLoader.Load(Pack.Directory("llama-tiny"), device, DType.F32);
        using ModelSequence sequence = model.StartSequence([1, 2, 3], 4);
        var batch = new StepBatch();
        batch.Add(sequence, [1], LogitsWanted.Last);

        Assert.Throws<ArgumentException>(() => batch.Add(sequence, [2], LogitsWanted.Last));
    }
}
