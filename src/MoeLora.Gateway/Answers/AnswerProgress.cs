using MoeLora.Contracts;

namespace MoeLora.Gateway.Answers;

/// <summary>How far the answers to a request have come: what is told of them when they break off.</summary>
internal sealed class AnswerProgress
{
    /// <summary>What answers; null until the grid has said so.</summary>
    public GenerationStarted? Start { get; private set; }

    /// <summary>When the first token was there; 0 until then.</summary>
    public long FirstToken { get; private set; }

    /// <summary>Tokens given.</summary>
    public int Tokens { get; private set; }

    public void Begin(GenerationStarted start) => Start = start;

    public void Add(TokenChunk chunk, TimeProvider time)
    {
        if (FirstToken == 0)
            FirstToken = time.GetTimestamp();
        Tokens += chunk.TokenIds.Count;
    }
}
