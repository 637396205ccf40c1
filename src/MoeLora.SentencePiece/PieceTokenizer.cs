using System.Text;
using MoeLora.Models.Tokenizers;
using MoeLora.SentencePiece.Files;
using MoeLora.SentencePiece.Styles;

namespace MoeLora.SentencePiece;

/// <summary>A tokenizer of a <c>.model</c> file. Safe for many threads.</summary>
internal sealed class PieceTokenizer : ITokenizer
{
    private readonly ITextStyle _style;
    private readonly PieceEncoder _encoder;
    private readonly PieceTexts _texts;
    private readonly SpecialTokenFinder _specialTokens;

    /// <exception cref="InvalidDataException">Something of the model cannot be used.</exception>
    public PieceTokenizer(ModelFile model, ITextStyle style)
    {
        _style = style;
        _encoder = new PieceEncoder(model);
        _texts = new PieceTexts(model, style);
        _specialTokens = new SpecialTokenFinder(model.Pieces
            .Select((piece, id) => (piece, id))
            .Where(entry => entry.piece.Kind is PieceKind.Control or PieceKind.Unknown)
            .Select(entry => (entry.piece.Text, entry.id + style.Offset)));
    }

    /// <inheritdoc/>
    public int VocabularySize => _texts.Count;

    /// <inheritdoc/>
    public IReadOnlyList<int> Encode(string text, bool addSpecialTokens = true)
    {
        var ids = new List<int>();
        foreach ((string part, int? special) in _specialTokens.Split(WellFormed(text)))
        {
            if (special is { } id)
            {
                ids.Add(id);
                continue;
            }

            int first = ids.Count;
            _encoder.Encode(_style.Prepare(part), ids);
            for (int i = first; i < ids.Count; i++)
                ids[i] += _style.Offset;
        }

        if (addSpecialTokens)
            _style.Complete(ids);
        return ids;
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true)
    {
        var stream = new PieceStream(_texts, skipSpecialTokens);
        var text = new StringBuilder();
        foreach (int id in ids)
            text.Append(stream.Append(id));
        return text.Append(stream.Finish()).ToString();
    }

    /// <inheritdoc/>
    public ReadOnlySpan<byte> TokenBytes(int id) => _texts.BytesOf(id);

    /// <inheritdoc/>
    public ITokenStream StartStream(bool skipSpecialTokens = true) => new PieceStream(_texts, skipSpecialTokens);

    /// <summary>The text with U+FFFD for each surrogate that has no partner.</summary>
    private static string WellFormed(string text) =>
        text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF') ? Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)) : text;
}
