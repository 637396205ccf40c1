using System.Text;

namespace MoeLora.Models.Prompts;

/// <summary>Lays out prompts in a <see cref="PromptFormat"/>.</summary>
public static class PromptFormats
{
    // What the formats and their models' tokenizers mark turns with. In a caller's text they would forge a turn.
    private static readonly string[] Marks =
        ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<s>", "</s>", "[gMASK]", "[MASK]", "<sop>", "<eop>"];

    /// <summary>The names that configurations use.</summary>
    public static IReadOnlyDictionary<string, PromptFormat> ByName { get; } = new Dictionary<string, PromptFormat>
    {
        ["plain"] = PromptFormat.Plain,
        ["llama2-chat"] = PromptFormat.Llama2Chat,
        ["chatml"] = PromptFormat.ChatMl,
        ["chatglm-chat"] = PromptFormat.ChatGlmChat,
    };

    /// <summary>The whole prompt for one input.</summary>
    public static string Apply(this PromptFormat format, string input) => format.Render([new Turn(TurnRole.User, input)]);

    /// <summary>Why a conversation cannot be laid out, with the turn's number from 0; null when it can.</summary>
    public static string? FindProblem(this PromptFormat format, IReadOnlyList<Turn> turns)
    {
        if (turns.Count == 0)
            return "A conversation needs at least one turn.";
        if (turns[^1].Role == TurnRole.Assistant)
            return $"Turn {turns.Count - 1} is the model's own; a conversation must end with what it shall answer.";
        if (format == PromptFormat.Plain)
            return null;

        for (int i = 0; i < turns.Count; i++)
        {
            if (Marks.FirstOrDefault(mark => turns[i].Text.Contains(mark, StringComparison.Ordinal)) is { } mark)
                return $"Turn {i} holds {mark}, which marks turns in this model's chat format; take it out, or lay out the prompt yourself.";
            if (format == PromptFormat.ChatMl)
                continue;
            bool system = turns[i].Role == TurnRole.System;
            if (system && (format == PromptFormat.ChatGlmChat || i > 0))
                return format == PromptFormat.ChatGlmChat ? $"Turn {i} is a system message, which this model's chat format does not have." : $"Turn {i} is a system message; this model's chat format has one only at the beginning.";
            int place = i - (turns[0].Role == TurnRole.System ? 1 : 0);
            if (!system && turns[i].Role != (place % 2 == 0 ? TurnRole.User : TurnRole.Assistant))
                return $"Turn {i} must be the {(place % 2 == 0 ? "user's" : "model's")}: in this model's chat format they take turns.";
        }

        return turns[^1].Role == TurnRole.User || format == PromptFormat.ChatMl ? null : "This model's chat format needs a user's turn at the end.";
    }

    /// <summary>A conversation as one text that the model continues with its next turn.</summary>
    /// <param name="format">The format.</param>
    /// <param name="turns">Turns that <see cref="FindProblem"/> has nothing against.</param>
    public static string Render(this PromptFormat format, IReadOnlyList<Turn> turns) => format switch
    {
        PromptFormat.Llama2Chat => Llama2(turns),
        PromptFormat.ChatMl => string.Concat(turns.Select(turn => $"<|im_start|>{Name(turn.Role)}\n{turn.Text}<|im_end|>\n")) + "<|im_start|>assistant\n",
        PromptFormat.ChatGlmChat => ChatGlm(turns),
        _ => string.Join('\n', turns.Select(turn => turn.Text)),
    };

    private static string Name(TurnRole role) => role switch
    {
        TurnRole.System => "system",
        TurnRole.User => "user",
        _ => "assistant",
    };

    private static string Llama2(IReadOnlyList<Turn> turns)
    {
        var text = new StringBuilder();
        string system = turns[0].Role == TurnRole.System ? $"<<SYS>>\n{turns[0].Text}\n<</SYS>>\n\n" : "";
        foreach (Turn turn in turns.Where(turn => turn.Role != TurnRole.System))
        {
            // A finished round ends with the model's end token, and the next begins with the begin token.
            text.Append(turn.Role == TurnRole.User ? $"[INST] {system}{turn.Text} [/INST]" : $" {turn.Text} </s><s>");
            system = "";
        }

        return text.ToString();
    }

    private static string ChatGlm(IReadOnlyList<Turn> turns)
    {
        var text = new StringBuilder();
        for (int i = 0; i < turns.Count; i++)
            text.Append(turns[i].Role == TurnRole.User ? $"[Round {i / 2}]\n问：{turns[i].Text}\n答：" : $"{turns[i].Text}\n");
        return text.ToString();
    }
}
