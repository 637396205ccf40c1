using MoeLora.Models.Tokenizers;

namespace MoeLora.Engine.Constraints.Automata;

/// <summary>The bytes of tokens as a tree, so that one walk over it tells which of them an automaton takes. Immutable.</summary>
internal sealed class TokenTrie
{
    private readonly ITokenizer _tokenizer;
    private readonly int[] _tokens; // by bytes
    private readonly Node[] _nodes; // but the root; each before those below it, by byte
    private readonly int _longest;

    /// <summary>The tree of some tokens, each of which has bytes.</summary>
    public TokenTrie(ITokenizer tokenizer, IEnumerable<int> tokens)
    {
        _tokenizer = tokenizer;
        _tokens = [.. tokens];
        Array.Sort(_tokens, (a, b) => tokenizer.TokenBytes(a).SequenceCompareTo(tokenizer.TokenBytes(b)));
        var nodes = new List<Node>();
        AddNodes(nodes, 0, _tokens.Length, 0);
        _nodes = [.. nodes];
        _longest = nodes.Select(node => node.Depth).DefaultIfEmpty().Max();
    }

    /// <summary>Sets the bits of the tokens that an automaton takes in a state: token i is bit i mod 64 of element i div 64.</summary>
    public void Allow(ByteAutomaton automaton, int state, Span<ulong> mask)
    {
        ReadOnlySpan<byte> classes = automaton.Classes;
        ReadOnlySpan<Node> nodes = _nodes;
        Span<int> states = new int[_longest + 1]; // by depth
        states[0] = state;
        for (int i = 0; i < nodes.Length;)
        {
            ref readonly Node node = ref nodes[i];
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
