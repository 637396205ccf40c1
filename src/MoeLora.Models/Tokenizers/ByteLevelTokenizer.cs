using System.Buffers;
using System.Text;
using MoeLora.Models.Tokenizers.Bpe;
using MoeLora.Models.Tokenizers.Normalization;

namespace MoeLora.Models.Tokenizers;

/// <summary>What a tokenizer file says, checked.</summary>
/// <param name="Model">Vocabulary and merges.</param>
/// <param name="AddedTokens">Tokens found before anything else.</param>
/// <param name="NormalizeNfc">Whether plain text is normalised to form C.</param>
/// <param name="PreTokenizer">How plain text is cut.</param>
/// <param name="Prefix">Ids that the post-processor puts before a text.</param>
/// <param name="Suffix">Ids that it puts after a text.</param>
internal sealed record TokenizerDefinition(
    BpeModel Model,
    IReadOnlyList<AddedToken> AddedTokens,
    bool NormalizeNfc,
    PreTokenizer PreTokenizer,
    IReadOnlyList<int> Prefix,
    IReadOnlyList<int> Suffix);

/// <summary>A byte-level BPE tokenizer. Safe for many threads.</summary>
internal sealed class ByteLevelTokenizer : ITokenizer
{
    private readonly TokenizerDefinition _definition;
    private readonly BytePairEncoder _encoder;
    private readonly AddedTokenFinder _rawTokens;
    private readonly AddedTokenFinder _normalizedTokens;
    private readonly byte[][] _bytes; // by id
    private readonly bool[] _special; // by id

    /// <summary>A tokenizer for a checked definition, whose ids have neither duplicates nor holes.</summary>
    public ByteLevelTokenizer(TokenizerDefinition definition)
    {
        _definition = definition;
        _encoder = new BytePairEncoder(definition.Model);
        _rawTokens = new AddedTokenFinder(definition.AddedTokens.Where(token => !token.Normalized).Select(token => (token.Content, token)));
        _normalizedTokens = new AddedTokenFinder(definition.AddedTokens.Where(token => token.Normalized).Select(token => (Normalize(token.Content), token)));

        VocabularySize = definition.Model.Vocabulary.Count + definition.AddedTokens.Count(token => !definition.Model.Vocabulary.ContainsKey(token.Content));
        _bytes = new byte[VocabularySize][];
        _special = new bool[VocabularySize];
        foreach (var (token, id) in definition.Model.Vocabulary)
            _bytes[id] = ByteAlphabet.ToBytes(token);

        // An added token stands for its own text: the byte alphabet is for what the merges build.
        foreach (var token in definition.AddedTokens)
        {
            _bytes[token.Id] = Encoding.UTF8.GetBytes(token.Content);
            _special[token.Id] = token.Special;
        }
    }

    /// <inheritdoc/>
    public int VocabularySize { get; }

    /// <inheritdoc/>
    public IReadOnlyList<int> Encode(string text, bool addSpecialTokens = true)
    {
        var ids = new List<int>();
        if (addSpecialTokens)
            ids.AddRange(_definition.Prefix);
        foreach (var raw in _rawTokens.Split(WellFormed(text)))
        {
            if (raw.Token is { } token)
                ids.Add(token.Id);
            else
                EncodeBetweenRawTokens(raw.Text, ids);
        }

        if (addSpecialTokens)
            ids.AddRange(_definition.Suffix);
        return ids;
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true)
    {
        var bytes = new ArrayBufferWriter<byte>();
        foreach (var id in ids)
            bytes.Write(BytesOf(id, skipSpecialTokens));
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    /// <inheritdoc/>
    public ReadOnlySpan<byte> TokenBytes(int id) => BytesOf(id, skipSpecialTokens: true);

    /// <inheritdoc/>
    public ITokenStream StartStream(bool skipSpecialTokens = true) => new ByteLevelStream(this, skipSpecialTokens);

    /// <summary>The bytes that an id stands for; none for a special token that is skipped.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is not in the vocabulary.</exception>
    internal ReadOnlySpan<byte> BytesOf(int id, bool skipSpecialTokens)
    {
        if ((uint)id >= (uint)VocabularySize)
            throw new ArgumentOutOfRangeException(nameof(id), id, $"The tokenizer's vocabulary has the ids 0 to {VocabularySize - 1}.");
        return skipSpecialTokens && _special[id] ? default : _bytes[id];
    }

    private void EncodeBetweenRawTokens(string text, List<int> ids)
    {
        foreach (var segment in _normalizedTokens.Split(Normalize(text)))
        {
            if (segment.Token is { } token)
                ids.Add(token.Id);
            else
                foreach (var piece in _definition.PreTokenizer.Split(segment.Text))
                    _encoder.Encode(piece.Span, ids);
        }
    }

    private string Normalize(string text) => _definition.NormalizeNfc ? Nfc.Normalize(text) : text;

    /// <summary>The text with U+FFFD for each surrogate that has no partner.</summary>
    private static string WellFormed(string text) =>
        text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF') ? Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)) : text;
}
