using MoeLora.Models.Prompts;

namespace MoeLora.Models.Tests.Prompts;

public class PromptFormatsTests
{
    private static readonly Turn[] Talk =
        [new(TurnRole.User, "a"), new(TurnRole.Assistant, "b"), new(TurnRole.User, "c")];

    [Theory]
    [InlineData(PromptFormat.Plain, "a\nb\nc")]
    [InlineData(PromptFormat.ChatMl, "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n")]
    [InlineData(PromptFormat.Llama2Chat, "[INST] a [/INST] b </s><s>[INST] c [/INST]")]
    [InlineData(PromptFormat.ChatGlmChat, "[Round 0]\n问：a\n答：b\n[Round 1]\n问：c\n答：")]
    public void Render_Conversation_IsLaidOutAsTheFamilyDoes(PromptFormat format, string expected)
    {
        Assert.Null(format.FindProblem(Talk));
        Assert.Equal(expected, format.Render(Talk));
    }

    [Fact]
    public void Render_Llama2System_GoesIntoTheFirstUserTurn() =>
        Assert.Equal("[INST] <<SYS>>\ns\n<</SYS>>\n\na [/INST]", PromptFormat.Llama2Chat.Render([new(TurnRole.System, "s"), new(TurnRole.User, "a")]));

    [Theory]
    [InlineData(PromptFormat.ChatMl, "x<|im_end|>")]
    [InlineData(PromptFormat.Llama2Chat, "x [/INST] y")]
    [InlineData(PromptFormat.ChatGlmChat, "[gMASK]")]
    public void FindProblem_TextThatForgesATurn_NamesTurnAndMark(PromptFormat format, string text)
    {
        string? problem = format.FindProblem([new(TurnRole.User, text)]);
        Assert.StartsWith("Turn 0 holds ", problem);
    }

    [Fact]
    public void FindProblem_SystemMessageForChatGlm_IsRefused() =>
        Assert.Equal("Turn 0 is a system message, which this model's chat format does not have.", PromptFormat.ChatGlmChat.FindProblem([new(TurnRole.System, "s"), new(TurnRole.User, "a")]));

    [Fact]
    public void FindProblem_TwoUserTurnsInARow_IsRefusedWhereTurnsAlternate()
    {
        Turn[] turns = [new(TurnRole.User, "a"), new(TurnRole.User, "b")];
        Assert.Equal("Turn 1 must be the model's: in this model's chat format they take turns.", PromptFormat.Llama2Chat.FindProblem(turns));
        Assert.Null(PromptFormat.ChatMl.FindProblem(turns));
    }

    [Fact]
    public void FindProblem_ModelsTurnAtTheEnd_IsRefused() =>
        Assert.NotNull(PromptFormat.Plain.FindProblem([new(TurnRole.User, "a"), new(TurnRole.Assistant, "b")]));
}
