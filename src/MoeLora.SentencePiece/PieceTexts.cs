using System.Text;
using MoeLora.SentencePiece.Files;
using MoeLora.SentencePiece.Styles;

namespace MoeLora.SentencePiece;

/// <summary>What the ids of a tokenizer decode to. Immutable.</summary>
internal sealed class PieceTexts
{
    private readonly ModelFile _model;
    private readonly int _offset;
    private readonly string[] _texts; // by piece; of one that decoding may skip its name
    private readonly byte[][] _bytes; // by piece; none for one that decoding may skip

    public PieceTexts(ModelFile model, ITextStyle style)
    {
        _model = model;
        _offset = style.Offset;
        _texts = [.. model.Pieces.Select(piece => piece.Kind == PieceKind.Unknown ? model.UnknownSurface : style.TextOf(piece.Text) ?? piece.Text.Replace(Piece.Space, ' '))];
        _bytes = new byte[_texts.Length][];
        for (int piece = 0; piece < _bytes.Length; piece++)
            _bytes[piece] = IsSkipped(piece) ? [] : Encoding.UTF8.GetBytes(_texts[piece]);
        for (int value = 0; value < model.ByteIds?.Length; value++)
            _bytes[model.ByteIds[value]] = [(byte)value];
    }

    /// <summary>Ids are below this.</summary>
    public int Count => _offset + _texts.Length;

    /// <summary>Whether the first mark of a space may go.</summary>
    public bool DropsLeadingSpace => _model.Normalizer.AddDummyPrefix || _model.Normalizer.RemoveExtraWhitespaces;

    /// <summary>Whether the marks of all pieces go until there is text, not only of the first.</summary>
    public bool DropsAllLeadingSpaces => _model.Normalizer.RemoveExtraWhitespaces;

    /// <summary>Whether an id is a piece's; false for those below the pieces, which have no text.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is not in the vocabulary.</exception>
    public bool HasPiece(int id) => (uint)id < (uint)Count
        ? id >= _offset
        : throw new ArgumentOutOfRangeException(nameof(id), id, $"The tokenizer's vocabulary has the ids 0 to {Count - 1}.");

    /// <summary>The byte that an id stands for; null when it stands for none.</summary>
    public byte? ByteOf(int id) => HasPiece(id) && _model.Pieces[id - _offset].Kind == PieceKind.Byte ? _bytes[id - _offset][0] : null;

    /// <summary>The text of a piece that is no byte.</summary>
    public string TextOf(int id, bool skipSpecialTokens) => skipSpecialTokens && IsSkipped(id - _offset) ? "" : _texts[id - _offset];

    /// <summary>Whether a piece's text begins with the mark of a space.</summary>
    public bool StartsWithSpaceMark(int id) => _model.Pieces[id - _offset] is { Kind: PieceKind.Normal or PieceKind.UserDefined, Text: [Piece.Space, ..] };

    /// <summary>The bytes that an id adds to a text after its first piece.</summary>
    public ReadOnlySpan<byte> BytesOf(int id) => HasPiece(id) ? _bytes[id - _offset] : default;

    private bool IsSkipped(int piece) => _model.Pieces[piece].Kind == PieceKind.Control;
}
