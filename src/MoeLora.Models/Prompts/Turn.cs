namespace MoeLora.Models.Prompts;

/// <summary>Whose a turn of a conversation is.</summary>
public enum TurnRole
{
    /// <summary>Instructions to the model.</summary>
    System,

    /// <summary>Who asks.</summary>
    User,

    /// <summary>The model.</summary>
    Assistant,
}

/// <summary>One turn of a conversation.</summary>
/// <param name="Role">Whose it is.</param>
/// <param name="Text">What it says.</param>
public readonly record struct Turn(TurnRole Role, string Text);
