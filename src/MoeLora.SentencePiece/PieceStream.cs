using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using MoeLora.Models.Tokenizers;

namespace MoeLora.SentencePiece;

/// <summary>
/// Decodes one sequence of ids piece by piece. Bytes are held back until they make a character, or cannot any more. The mark of a space at the beginning of the text is the one that
/// encoding put there, and goes.
/// </summary>
internal sealed class PieceStream(PieceTexts texts, bool skipSpecialTokens) : ITokenStream
{
    private readonly List<byte> _bytes = [];
    private bool _mayDropSpace = texts.DropsLeadingSpace;
    private bool _droppedSpace;
    private bool _hasText;

    /// <inheritdoc/>
    public string Append(int id)
    {
        if (texts.ByteOf(id) is { } value)
        {
            _bytes.Add(value);
            return TakeCharacters(isEnd: false);
        }

        if (!texts.HasPiece(id))
            return "";
        return TakeCharacters(isEnd: true) + TextOf(id);
    }

    /// <inheritdoc/>
    public string Finish() => TakeCharacters(isEnd: true);

    private string TextOf(int id)
    {
        if (_droppedSpace || _hasText)
            _mayDropSpace = false;
        _droppedSpace = false;
        string text = texts.TextOf(id, skipSpecialTokens);
        if (_mayDropSpace && texts.StartsWithSpaceMark(id))
        {
            text = text[1..];
            _droppedSpace = !texts.DropsAllLeadingSpaces;
        }

        _hasText |= text.Length > 0;
        return text;
    }

    /// <summary>The characters that are whole. A byte that none can begin with, or go on with, is U+FFFD; so is each that is left at the end.</summary>
    private string TakeCharacters(bool isEnd)
    {
        if (_bytes.Count == 0)
            return "";
        var text = new StringBuilder();
        int taken = 0;
        while (taken < _bytes.Count)
        {
            OperationStatus status = Rune.DecodeFromUtf8(CollectionsMarshal.AsSpan(_bytes)[taken..], out Rune rune, out int length);
            if (status == OperationStatus.NeedMoreData && !isEnd)
                break;
            text.Append(status == OperationStatus.Done ? rune.ToString() : "\uFFFD");
            taken += status == OperationStatus.Done ? length : 1;
        }

        _bytes.RemoveRange(0, taken);
        _hasText |= taken > 0;
        return text.ToString();
    }
}
