using MoeLora.Engine.Generation;
using MoeLora.Engine.Sampling;

namespace MoeLora.Engine.Batching;

/// <summary>
/// Where a request's answers go. Called on the thread that drives the model, which serves all others too: it must not wait. One that throws ends
/// its own request with that exception.
/// </summary>
public interface IEngineOutput
{
    /// <summary>The request waits no longer; its prompt is being computed. Not called when it ends before.</summary>
    /// <param name="queued">How long it waited.</param>
    void OnStarted(TimeSpan queued);

    /// <summary>A token was generated.</summary>
    /// <param name="answer">Of which answer, from 0.</param>
    /// <param name="token">The token.</param>
    void OnToken(int answer, in GeneratedToken token);

    /// <summary>The text that was still held back when an answer ended; never empty.</summary>
    void OnRest(int answer, string text);

    /// <summary>An answer is complete, or broke off; not called when that was an exception's doing.</summary>
    void OnAnswerEnded(int answer, GenerationEnd end);

    /// <summary>All answers have ended; the last call, and the only one that always comes.</summary>
    void OnEnded(EngineResult result);
}

/// <summary>A token as it was generated.</summary>
public readonly ref struct GeneratedToken
{
    internal GeneratedToken(int id, string text, ReadOnlySpan<TokenLogProbability> logProbabilities)
    {
        Id = id;
        Text = text;
        LogProbabilities = logProbabilities;
    }

    /// <summary>The token.</summary>
    public int Id { get; }

    /// <summary>The text that is now decided: whole characters; empty for a token that ends the answer, without a tokenizer, or while text is held back.</summary>
    public string Text { get; }

    /// <summary>
    /// The token's own log probability, then those of the likeliest, see <see cref="Sampler.LogProbabilities"/>; empty when none were asked for. Valid during the call.
    /// </summary>
    public ReadOnlySpan<TokenLogProbability> LogProbabilities { get; }
}
