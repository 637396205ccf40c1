using System.Text;
using MoeLora.Engine.Batching;
using MoeLora.Engine.Generation;

namespace MoeLora.Engine.Tests.Batching;

/// <summary>Keeps what an engine says of one request, checks the order of the calls, and may do something at each token.</summary>
internal sealed class RecordedOutput(int answers = 1, Action<int>? onToken = null) : IEngineOutput
{
    private readonly TaskCompletionSource<EngineResult> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly StringBuilder[] _texts = [.. Enumerable.Range(0, answers).Select(_ => new StringBuilder())];
    private readonly GenerationEnd?[] _ends = new GenerationEnd?[answers];

    /// <summary>By answer.</summary>
    public List<int>[] Ids { get; } = [.. Enumerable.Range(0, answers).Select(_ => new List<int>())];

    /// <summary>The chosen tokens' log probabilities, where asked for.</summary>
    public List<double>[] LogProbabilities { get; } = [.. Enumerable.Range(0, answers).Select(_ => new List<double>())];

    /// <summary>How much text each token decided, by answer.</summary>
    public List<int>[] Lengths { get; } = [.. Enumerable.Range(0, answers).Select(_ => new List<int>())];

    public Task<EngineResult> Ended => _ended.Task;

    public Task Started => _started.Task;

    public string Text(int answer = 0) => _texts[answer].ToString();

    public EngineResult Wait() => _ended.Task.WaitAsync(TimeSpan.FromMinutes(5)).GetAwaiter().GetResult();

    public void OnStarted(TimeSpan queued) => _started.SetResult();

    public void OnToken(int answer, in GeneratedToken token)
    {
        Assert.True(_started.Task.IsCompleted);
        Assert.Null(_ends[answer]);
        Ids[answer].Add(token.Id);
        _texts[answer].Append(token.Text);
        Lengths[answer].Add(token.Text.Length);
        if (token.LogProbabilities.Length > 0)
        {
            Assert.Equal(token.Id, token.LogProbabilities[0].Token);
            LogProbabilities[answer].Add(token.LogProbabilities[0].LogProbability);
        }

        onToken?.Invoke(Ids[answer].Count);
    }

    public void OnRest(int answer, string text)
    {
        Assert.NotEmpty(text);
        Assert.Null(_ends[answer]);
        _texts[answer].Append(text);
    }

    public void OnAnswerEnded(int answer, GenerationEnd end)
    {
        Assert.Null(_ends[answer]);
        _ends[answer] = end;
    }

    public void OnEnded(EngineResult result)
    {
        if (result.Failure is null && !_ends.SequenceEqual(result.Ends.Select(end => (GenerationEnd?)end)))
            _ended.TrySetException(new InvalidOperationException("The result has other ends than the answers."));
        if (!_ended.TrySetResult(result) && !_ended.Task.IsFaulted)
            throw new InvalidOperationException("A request has ended twice.");
    }
}
