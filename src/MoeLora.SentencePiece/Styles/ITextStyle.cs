namespace MoeLora.SentencePiece.Styles;

/// <summary>What a family of models does around SentencePiece.</summary>
internal interface ITextStyle
{
    /// <summary>The id of the first piece; what is below it is no text.</summary>
    int Offset { get; }

    /// <summary>A text as its pieces are looked for.</summary>
    string Prepare(string text);

    /// <summary>Adds what belongs around a text.</summary>
    void Complete(List<int> ids);

    /// <summary>What a piece decodes to where that is not what it looks like; null otherwise.</summary>
    string? TextOf(string piece);
}
