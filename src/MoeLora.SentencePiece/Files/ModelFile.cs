namespace MoeLora.SentencePiece.Files;

/// <summary>What a piece is; the numbers are the format's.</summary>
internal enum PieceKind
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// <summary>How text is cut into pieces; the numbers are the format's.</summary>
internal enum ModelKind
{
    Unigram = 1,
    Bpe = 2,
}

/// <summary>One piece; its place in the model is its id.</summary>
internal readonly record struct Piece(string Text, float Score, PieceKind Kind)
{
    /// <summary>Stands for a space in pieces (U+2581).</summary>
    public const char Space = '\u2581';
}

/// <summary>What is done to a text before it is cut.</summary>
/// <param name="CharacterMap">What replaces which characters (<c>precompiled_charsmap</c>); empty for none.</param>
/// <param name="AddDummyPrefix">Whether a text gets a space in front.</param>
/// <param name="RemoveExtraWhitespaces">Whether spaces at both ends go, and of several only one stays.</param>
internal sealed record NormalizerSettings(byte[] CharacterMap, bool AddDummyPrefix, bool RemoveExtraWhitespaces);

/// <summary>A text and the pieces that the model's makers got for it, with spaces between them.</summary>
internal readonly record struct SelfTest(string Input, string Expected);

/// <summary>A <c>.model</c> file, checked: its pieces are different and not empty, one of them is the unknown one, and with byte fallback each byte has its piece.</summary>
internal sealed record ModelFile
{
    public required IReadOnlyList<Piece> Pieces { get; init; }

    public required ModelKind Kind { get; init; }

    public required NormalizerSettings Normalizer { get; init; }

    /// <summary>The id of the piece for text that no piece fits.</summary>
    public required int UnknownId { get; init; }

    /// <summary>What the unknown piece decodes to.</summary>
    public required string UnknownSurface { get; init; }

    /// <summary>The ids of the 256 bytes, which stand for characters without a piece; null where such characters are unknown.</summary>
    public required int[]? ByteIds { get; init; }

    public required IReadOnlyList<SelfTest> SelfTests { get; init; }

    /// <summary>The id of a piece; null when there is none.</summary>
    public int? IdOf(string text)
    {
        for (int id = 0; id < Pieces.Count; id++)
        {
            if (Pieces[id].Text == text)
                return id;
        }

        return null;
    }
}
