namespace MoeLora.Models.Prompts;

/// <summary>What is written around texts before they are tokenised. A task must be asked in the format that it was trained with.</summary>
public enum PromptFormat
{
    /// <summary>The text itself; ChatGLM's mask and start tokens follow where the model needs them.</summary>
    Plain,

    /// <summary>Llama 2's chat form: <c>[INST] text [/INST]</c> (arXiv 2307.09288, appendix A.3.3 for its system message).</summary>
    Llama2Chat,

    /// <summary>ChatML, as Qwen2 uses it: a user's turn, then the beginning of the assistant's.</summary>
    ChatMl,

    /// <summary>ChatGLM-6B's chat form: rounds of <c>问：text</c> and <c>答：text</c>.</summary>
    ChatGlmChat,
}
