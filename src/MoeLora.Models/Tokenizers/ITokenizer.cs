namespace MoeLora.Models.Tokenizers;

/// <summary>Text to token ids and back.</summary>
public interface ITokenizer
{
    /// <summary>Ids that the tokenizer can produce are below this.</summary>
    int VocabularySize { get; }

    /// <summary>Encodes text. Added and special tokens that appear in the text are recognised.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="addSpecialTokens">Whether to add what the tokenizer's post-processor adds around a text (begin token and such).</param>
    IReadOnlyList<int> Encode(string text, bool addSpecialTokens = true);

    /// <summary>Decodes ids. Bytes that are not valid UTF-8 become U+FFFD.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is not in the vocabulary.</exception>
    string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true);

    /// <summary>
    /// The bytes that a token adds to an answer's text, wherever it stands after the first token: perhaps part of a character, and none
    /// for a token that decoding skips. The text of an answer is that of its tokens' bytes, one after the other.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is not in the vocabulary.</exception>
    ReadOnlySpan<byte> TokenBytes(int id);

    /// <summary>Starts a decoder for a stream of ids that never emits part of a character.</summary>
    ITokenStream StartStream(bool skipSpecialTokens = true);
}

/// <summary>Decodes one generated sequence piece by piece: all pieces together equal <see cref="ITokenizer.Decode"/> of all ids.</summary>
public interface ITokenStream
{
    /// <summary>The text that <paramref name="id"/> completes; empty while a character is unfinished.</summary>
    string Append(int id);

    /// <summary>What is still held back at the end, with U+FFFD for an unfinished character.</summary>
    string Finish();
}
