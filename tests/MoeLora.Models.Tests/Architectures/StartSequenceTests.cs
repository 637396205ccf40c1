using MoeLora.Models.Architectures;
using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Architectures;

[Collection(Pack.DeviceUsers)]
public sealed class StartSequenceTests
{
    [Theory]
    [InlineData(new int[0], 4, "empty")]
    [InlineData(new[] { 1, 320 }, 4, "Token 320 at position 1")]
    [InlineData(new[] { -1 }, 4, "Token -1 at position 0")]
    [InlineData(new[] { 1, 2, 3 }, 2, "3 tokens")]
    [InlineData(new[] { 1 }, 257, "at most 256")]
    public void StartSequence_PromptThatCannotRun_SaysWhy(int[] prompt, int capacity, string reason)
    {
        Device device = Pack.Device("reference");
        using CausalModel model = ModelLoader.Load(Pack.Directory("llama-tiny"), device, DType.F32);

        var error = Assert.Throws<ArgumentException>(() => model.StartSequence(prompt, capacity));

        Assert.Contains(reason, error.Message);
    }

    [Theory]
    [InlineData(new[] { 1, 2, 315 })] // no start token
    [InlineData(new[] { 1, 2, 316 })] // no mask token
    public void StartSequence_ChatGlmPromptWithoutItsTokens_SaysWhichAreNeeded(int[] prompt)
    {
        Device device = Pack.Device("reference");
        using CausalModel model = ModelLoader.Load(Pack.Directory("chatglm-tiny"), device, DType.F32);

        var error = Assert.Throws<ArgumentException>(() => model.StartSequence(prompt, 8));

        Assert.Contains("315", error.Message);
        Assert.Contains("316", error.Message);
    }

    [Theory]
    [InlineData(new[] { 5, 315, 6, 314, 316 }, 1)] // [gMASK] counts before [MASK]
    [InlineData(new[] { 5, 6, 314, 7, 316 }, 2)]
    public void StartSequence_ChatGlmPrompt_FindsPrefixAndMask(int[] prompt, int maskPosition)
    {
        Device device = Pack.Device("reference");
        using CausalModel model = ModelLoader.Load(Pack.Directory("chatglm-tiny"), device, DType.F32);

        using ModelSequence sequence = model.StartSequence(prompt, 8);

        Assert.Equal((4, maskPosition), (sequence.VisiblePrefix, sequence.MaskPosition));
    }

    [Fact]
    public void Forward_ChatGlmPrefixInPieces_Refused()
    {
        Device device = Pack.Device("reference");
        using CausalModel model = ModelLoader.Load(Pack.Directory("chatglm-tiny"), device, DType.F32);
        int[] prompt = Pack.Prompts("chatglm-tiny")[0];
        using ModelSequence sequence = model.StartSequence(prompt, prompt.Length);

        var error = Assert.Throws<ArgumentException>(() => model.Feed(sequence, prompt.AsSpan(0, 5)));

        Assert.Contains("must be fed in one step", error.Message);
    }
}
