using System.Text;

namespace MoeLora.Models.Tokenizers;

/// <summary>Decodes one sequence of ids piece by piece; the bytes of an unfinished character are held back.</summary>
internal sealed class ByteLevelStream(ByteLevelTokenizer tokenizer, bool skipSpecialTokens) : ITokenStream
{
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();

    /// <inheritdoc/>
    public string Append(int id) => Decode(tokenizer.BytesOf(id, skipSpecialTokens), flush: false);

    /// <inheritdoc/>
    public string Finish() => Decode(default, flush: true);

    private string Decode(ReadOnlySpan<byte> bytes, bool flush)
    {
        var characters = new char[_decoder.GetCharCount(bytes, flush)];
        _decoder.GetChars(bytes, characters, flush);
        return new string(characters);
    }
}
