namespace MoeLora.Engine.Sampling;

/// <summary>The tokens that a sequence holds, and the repetition penalty on their logits.</summary>
internal sealed class TokenPenalty(int vocabularySize)
{
    private readonly bool[] _seen = new bool[vocabularySize];
    private readonly List<int> _distinct = [];

    public void Clear()
    {
        foreach (int token in _distinct)
            _seen[token] = false;
        _distinct.Clear();
    }

    public void Observe(int token)
    {
        if (_seen[token])
            return;
        _seen[token] = true;
        _distinct.Add(token);
    }

    public void Apply(Span<float> logits, float penalty)
    {
        foreach (int token in _distinct)
            logits[token] = logits[token] > 0 ? logits[token] / penalty : logits[token] * penalty;
    }
}
