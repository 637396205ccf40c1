using MoeLora.Models.Tokenizers;

namespace MoeLora.Engine.Constraints.Automata;

/// <summary>The bytes of all tokens of a vocabulary as a tree, so that one walk over it tells which of them an automaton takes. Immutable.</summary>
internal sealed class TokenTrie
{
    // The nodes but the root, each before those below it, by byte.
    private readonly Node[] _nodes;
    private readonly int[] _tokens; // by bytes
    private readonly ITokenizer _tokenizer;

    /// <summary>The tree of a tokenizer's tokens that a model has.</summary>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="vocabularySize">Ids of the model.</param>
    public TokenTrie(ITokenizer tokenizer, int vocabularySize)
    {
        _tokenizer = tokenizer;
        VocabularySize = vocabularySize;
        _tokens = [.. Enumerable.Range(0, Math.Min(vocabularySize, tokenizer.VocabularySize)).Where(token => !tokenizer.TokenBytes(token).IsEmpty)];
        Array.Sort(_tokens, (a, b) => tokenizer.TokenBytes(a).SequenceCompareTo(tokenizer.TokenBytes(b)));
        var nodes = new List<Node>();
        AddNodes(nodes, 0, _tokens.Length, 0);
        _nodes = [.. nodes];
        foreach (int token in _tokens)
        {
            ReadOnlySpan<byte> bytes = tokenizer.TokenBytes(token);
            LongestToken = Math.Max(LongestToken, bytes.Length);
            if (bytes.Length == 1)
                SingleBytes |= ByteSet.Of(bytes[0]);
        }
    }

    /// <summary>Ids of the model, of which the tokenizer may not know all.</summary>
    public int VocabularySize { get; }

    /// <summary>The most bytes of a token.</summary>
    public int LongestToken { get; }

    /// <summary>The bytes that are tokens by themselves.</summary>
    public ByteSet SingleBytes { get; }

    /// <summary>The bytes of a token; none for one that no answer's text can hold.</summary>
    public ReadOnlySpan<byte> BytesOf(int token) => token < _tokenizer.VocabularySize ? _tokenizer.TokenBytes(token) : default;

    /// <summary>The tokens that an automaton takes in a state: token i is bit i mod 64 of element i div 64.</summary>
    public ulong[] Allowed(ByteAutomaton automaton, int state)
    {
        ulong[] mask = new ulong[(VocabularySize + 63) / 64];
        ReadOnlySpan<byte> classes = automaton.Classes;
        Span<int> states = new int[LongestToken + 1]; // by depth
        states[0] = state;
        for (int i = 0; i < _nodes.Length;)
        {
            ref readonly Node node = ref _nodes[i];
            int next = automaton.Next(states[node.Depth - 1], classes[node.Byte]);
            if (next == ByteAutomaton.Dead)
            {
                i = node.End;
                continue;
            }

            states[node.Depth] = next;
            for (int at = node.FirstToken; at < node.LastToken; at++)
                mask[_tokens[at] / 64] |= 1UL << (_tokens[at] % 64);
            i++;
        }

        return mask;
    }

    /// <summary>Adds the nodes below the one that the sorted tokens from <paramref name="first"/> to before <paramref name="last"/> have in common.</summary>
    private void AddNodes(List<Node> nodes, int first, int last, int depth)
    {
        while (first < last)
        {
            byte value = _tokenizer.TokenBytes(_tokens[first])[depth];
            int end = first;
            int whole = first; // tokens that end here sort first
            for (; end < last && _tokenizer.TokenBytes(_tokens[end])[depth] == value; end++)
            {
                if (_tokenizer.TokenBytes(_tokens[end]).Length == depth + 1)
                    whole = end + 1;
            }

            int node = nodes.Count;
            nodes.Add(default);
            AddNodes(nodes, whole, end, depth + 1);
            nodes[node] = new Node(value, depth + 1, nodes.Count, first, whole);
            first = end;
        }
    }

    /// <summary>A beginning of tokens.</summary>
    /// <param name="Byte">Its last byte.</param>
    /// <param name="Depth">Its length.</param>
    /// <param name="End">The first node that does not begin with it.</param>
    /// <param name="FirstToken">The first of the tokens that it is.</param>
    /// <param name="LastToken">Past the last of them.</param>
    private readonly record struct Node(byte Byte, int Depth, int End, int FirstToken, int LastToken);
}
