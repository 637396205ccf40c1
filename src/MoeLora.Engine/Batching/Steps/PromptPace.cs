namespace MoeLora.Engine.Batching.Steps;

/// <summary>How many tokens of prompts a step takes, from how long the last ones took.</summary>
/// <param name="most">Most tokens.</param>
/// <param name="time">How long they may take while others wait for their next token; null for any time.</param>
internal sealed class PromptPace(int most, TimeSpan? time)
{
    // With fewer the time for a token is mostly that for reading the weights.
    private const int Fewest = 32;
    private const double NewShare = 0.25;

    // Where nobody waits for a token, a step may take longer: only a request that comes meanwhile waits for its end.
    private const double Patience = 4;

    private double _secondsPerToken; // 0 as long as nothing is known

    /// <summary>Tokens for the next step.</summary>
    /// <param name="othersWait">Whether a sequence waits for its next token meanwhile.</param>
    public int Tokens(bool othersWait)
    {
        if (time is not { } limit || _secondsPerToken == 0)
            return most;
        return (int)Math.Clamp(limit.TotalSeconds * (othersWait ? 1 : Patience) / _secondsPerToken, Math.Min(Fewest, most), most);
    }

    /// <summary>Takes how long a step's prompts took.</summary>
    public void Observe(int tokens, TimeSpan elapsed)
    {
        if (tokens < Fewest)
            return;
        double seconds = elapsed.TotalSeconds / tokens;
        _secondsPerToken = _secondsPerToken == 0 ? seconds : (1 - NewShare) * _secondsPerToken + NewShare * seconds;
    }
}
