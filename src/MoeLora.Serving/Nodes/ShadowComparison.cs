using MoeLora.Engine.Batching;
using MoeLora.Engine.Generation;
using MoeLora.Serving.Requests;
using MoeLora.Serving.Rollouts;

namespace MoeLora.Serving.Nodes;

/// <summary>A copy of a request on a shadow version: its answer is compared with the one that was given, and thrown away.</summary>
internal sealed class ShadowComparison(VersionPin pin, Action letGo) : IEngineOutput
{
    private readonly TaskCompletionSource<ulong?> _shadow = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TokenFingerprint _fingerprint = new();

    public void OnStarted(TimeSpan queued)
    {
    }

    public void OnToken(int answer, in GeneratedToken token) => _fingerprint.Add(answer, token.Id);

    public void OnRest(int answer, string text)
    {
    }

    public void OnAnswerEnded(int answer, GenerationEnd end)
    {
    }

    public void OnEnded(EngineResult result)
    {
        bool isWhole = result.Ends.All(end => end is GenerationEnd.EndToken or GenerationEnd.StopString or GenerationEnd.MaxTokens);
        _shadow.TrySetResult(isWhole ? _fingerprint.Value : null);
    }

    /// <summary>Waits for the copy and compares. An answer of either side that is not whole is not counted.</summary>
    /// <param name="given">The fingerprint of the answer that was given; null when it is not whole.</param>
    public async Task CompareAsync(ulong? given)
    {
        ulong? shadow = await _shadow.Task;
        if (given is not null && shadow is not null)
            pin.Version.Shadow.Add(given == shadow);
        letGo();
        pin.Dispose();
    }
}
