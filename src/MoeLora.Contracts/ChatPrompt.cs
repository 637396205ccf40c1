namespace MoeLora.Contracts;

/// <summary>A conversation to be continued, laid out by the base model's own chat format.</summary>
/// <param name="Messages">At least one; the last is the user's or the system's.</param>
public sealed record ChatPrompt(IReadOnlyList<ChatMessage> Messages) : Prompt
{
    /// <summary>The size, never the text.</summary>
    public override string ToString() => $"{Messages.Count} messages";
}

/// <summary>One message of a conversation. Prints without its text.</summary>
/// <param name="Role">Whose it is.</param>
/// <param name="Text">What it says.</param>
public sealed record ChatMessage(ChatRole Role, string Text)
{
    /// <summary>The size, never the text.</summary>
    public override string ToString() => $"{Role}: {Text.Length} characters";
}

/// <summary>Whose a message is.</summary>
public enum ChatRole
{
    /// <summary>Instructions to the model.</summary>
    System,

    /// <summary>The person or program that asks.</summary>
    User,

    /// <summary>The model.</summary>
    Assistant,
}
