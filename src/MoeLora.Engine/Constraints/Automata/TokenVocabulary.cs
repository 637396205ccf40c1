using MoeLora.Models.Tokenizers;

namespace MoeLora.Engine.Constraints.Automata;

/// <summary>
/// The tokens of a model by their bytes. Immutable. The few long ones are apart: what a state allows of the others depends only on what is
/// near, so that states that differ further on share that part.
/// </summary>
internal sealed class TokenVocabulary
{
    /// <summary>The most bytes of a token that is not long.</summary>
    public const int MostShortBytes = 16;

    private readonly ITokenizer _tokenizer;

    /// <summary>The tokens that a tokenizer and its model have in common.</summary>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="size">Ids of the model.</param>
    public TokenVocabulary(ITokenizer tokenizer, int size)
    {
        _tokenizer = tokenizer;
        Size = size;
        ILookup<bool, int> tokens = Enumerable.Range(0, size)
            .Where(token => !BytesOf(token).IsEmpty)
            .ToLookup(token => BytesOf(token).Length > MostShortBytes);
        Short = new TokenTrie(tokenizer, tokens[false]);
        Long = new TokenTrie(tokenizer, tokens[true]);
        MostBytes = tokens[true].Select(token => BytesOf(token).Length).DefaultIfEmpty(MostShortBytes).Max();
        foreach (int token in tokens[false])
        {
            if (BytesOf(token) is [var only])
                SingleBytes |= ByteSet.Of(only);
        }
    }

    /// <summary>Ids of the model, of which the tokenizer may not know all.</summary>
    public int Size { get; }

    /// <summary>Tokens of at most <see cref="MostShortBytes"/>.</summary>
    public TokenTrie Short { get; }

    /// <summary>The longer ones.</summary>
    public TokenTrie Long { get; }

    /// <summary>The most bytes of any token.</summary>
    public int MostBytes { get; }

    /// <summary>The bytes that are tokens by themselves.</summary>
    public ByteSet SingleBytes { get; }

    /// <summary>The bytes of a token; none for one that no answer's text can hold.</summary>
    public ReadOnlySpan<byte> BytesOf(int token) => token < _tokenizer.VocabularySize ? _tokenizer.TokenBytes(token) : default;
}
