using MoeLora.Engine.Batching;
using MoeLora.Engine.Generation;

namespace MoeLora.Torch.Tests.Engine;

/// <summary>Keeps the tokens of a request with one answer.</summary>
internal sealed class TokenOutput : IEngineOutput
{
    private readonly TaskCompletionSource<EngineResult> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public List<int> Tokens { get; } = [];

    /// <summary>The result; an answer that failed throws what broke it.</summary>
    public EngineResult Wait()
    {
        EngineResult result = _ended.Task.WaitAsync(TimeSpan.FromMinutes(2)).GetAwaiter().GetResult();
        return result.Failure is { } failure ? throw failure : result;
    }

    public void OnStarted(TimeSpan queued)
    {
    }

    public void OnToken(int answer, in GeneratedToken token) => Tokens.Add(token.Id);

    public void OnRest(int answer, string text)
    {
    }

    public void OnAnswerEnded(int answer, GenerationEnd end)
    {
    }

    public void OnEnded(EngineResult result) => _ended.SetResult(result);
}
