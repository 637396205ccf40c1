namespace MoeLora.Serving.Requests;

/// <summary>A number that equal answers have in common: FNV-1a over each token with its answer, in the order of each answer.</summary>
internal sealed class TokenFingerprint
{
    private const ulong Basis = 14695981039346656037;
    private const ulong Prime = 1099511628211;

    private readonly List<ulong> _answers = [];

    /// <summary>Of all tokens so far. Tokens of different answers may have come in any order.</summary>
    public ulong Value
    {
        get
        {
            ulong value = Basis;
            foreach (ulong answer in _answers)
                value = Mix(Mix(value, (uint)answer), (uint)(answer >> 32));
            return value;
        }
    }

    public void Add(int answer, int token)
    {
        while (_answers.Count <= answer)
            _answers.Add(Basis);
        _answers[answer] = Mix(_answers[answer], (uint)token);
    }

    private static ulong Mix(ulong value, uint word)
    {
        for (int shift = 0; shift < 32; shift += 8)
            value = unchecked((value ^ (byte)(word >> shift)) * Prime);
        return value;
    }
}
