namespace MoeLora.Training.Samples;

/// <summary>What is written around a record's input before it is tokenised. Serving sends prompts as they are: clients of a model trained with a
/// format other than <see cref="Plain"/> must write the same around theirs.</summary>
public enum PromptFormat
{
    /// <summary>The input itself; ChatGLM's mask and start tokens follow where the model needs them.</summary>
    Plain,

    /// <summary>Llama 2's chat form: <c>[INST] input [/INST]</c>.</summary>
    Llama2Chat,

    /// <summary>ChatML, as Qwen2 uses it: a user's turn, then the beginning of the assistant's.</summary>
    ChatMl,

    /// <summary>ChatGLM-6B's chat form: <c>问：input</c>, then <c>答：</c>.</summary>
    ChatGlmChat,
}

/// <summary>Applies a <see cref="PromptFormat"/>.</summary>
public static class PromptFormats
{
    /// <summary>The names that configurations use.</summary>
    public static IReadOnlyDictionary<string, PromptFormat> ByName { get; } = new Dictionary<string, PromptFormat>
    {
        ["plain"] = PromptFormat.Plain,
        ["llama2-chat"] = PromptFormat.Llama2Chat,
        ["chatml"] = PromptFormat.ChatMl,
        ["chatglm-chat"] = PromptFormat.ChatGlmChat,
    };

    /// <summary>The whole prompt for an input.</summary>
    public static string Apply(this PromptFormat format, string input) => format switch
    {
        PromptFormat.Llama2Chat => $"[INST] {input} [/INST]",
        PromptFormat.ChatMl => $"<|im_start|>user\n{input}<|im_end|>\n<|im_start|>assistant\n",
        PromptFormat.ChatGlmChat => $"[Round 0]\n问：{input}\n答：",
        _ => input,
    };
}
