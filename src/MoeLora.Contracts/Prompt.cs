namespace MoeLora.Contracts;

/// <summary>What a generation continues. Prompts print as their size only, so that none can reach a log by accident.</summary>
public abstract record Prompt
{
    private protected Prompt()
    {
    }
}

/// <summary>A prompt in plain text, encoded by the model's tokenizer.</summary>
/// <param name="Text">Any text, not empty.</param>
public sealed record TextPrompt(string Text) : Prompt
{
    /// <summary>The size, never the text.</summary>
    public override string ToString() => $"{Text.Length} characters";
}

/// <summary>A prompt as token ids, used exactly as given: nothing is added in front or behind.</summary>
/// <param name="TokenIds">At least one id.</param>
public sealed record TokenPrompt(IReadOnlyList<int> TokenIds) : Prompt
{
    /// <summary>The size, never the ids.</summary>
    public override string ToString() => $"{TokenIds.Count} tokens";
}
