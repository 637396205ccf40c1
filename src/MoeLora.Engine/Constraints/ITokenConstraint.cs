namespace MoeLora.Engine.Constraints;

/// <summary>
/// What an answer may be, compiled for one tokenizer. Any number of sequences share it, on any threads; each has a state of its own.
/// </summary>
public interface ITokenConstraint
{
    /// <summary>Ids that its masks have a bit for: those of the model, which may have more than the tokenizer.</summary>
    int VocabularySize { get; }

    /// <summary>The state before an answer's first token.</summary>
    IConstraintState Start();
}

/// <summary>How far one answer has come. Used by one thread at a time.</summary>
public interface IConstraintState
{
    /// <summary>
    /// The tokens that may come next: token i is bit i mod 64 of element i div 64. Tokens without text of their own, such as end tokens,
    /// are never among them. Shared and valid until <see cref="Advance"/>; not to be written.
    /// </summary>
    ReadOnlySpan<ulong> Allowed { get; }

    /// <summary>Whether the answer so far is a whole one, so that it may end here.</summary>
    bool MayEnd { get; }

    /// <summary>Whether it is whole and nothing can follow.</summary>
    bool MustEnd { get; }

    /// <summary>Takes the next token of the answer.</summary>
    /// <exception cref="InvalidOperationException">The token is not allowed here.</exception>
    void Advance(int token);
}
