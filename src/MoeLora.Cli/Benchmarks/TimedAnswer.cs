using System.Diagnostics;
using MoeLora.Engine.Batching;
using MoeLora.Engine.Generation;

namespace MoeLora.Cli.Benchmarks;

/// <summary>An answer of which only the times of its tokens are kept. Safe for many threads.</summary>
internal sealed class TimedAnswer : IEngineOutput
{
    private readonly Lock _lock = new();
    private readonly List<long> _tokens = [];
    private readonly List<(Func<bool> Condition, TaskCompletionSource Met)> _waiting = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when the answer has ended; fails with what broke it.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Completes when there are so many tokens, or the answer has ended.</summary>
    public Task Begun(int tokens) => Until(() => _tokens.Count >= tokens);

    /// <summary>Completes when a token came after a moment, or the answer has ended.</summary>
    public Task Seen(long moment) => Until(() => _tokens.Count > 0 && _tokens[^1] > moment);

    /// <summary>Seconds of the longest gap between two tokens of which any part is in a time; 0 where there is none.</summary>
    public double LongestGap(long from, long to)
    {
        lock (_lock)
            return _tokens.Zip(_tokens.Skip(1)).Where(gap => gap.Second > from && gap.First < to).Select(gap => Stopwatch.GetElapsedTime(gap.First, gap.Second).TotalSeconds).DefaultIfEmpty().Max();
    }

    public void OnStarted(TimeSpan queued)
    {
    }

    public void OnToken(int answer, in GeneratedToken token)
    {
        lock (_lock)
        {
            _tokens.Add(Stopwatch.GetTimestamp());
            _waiting.RemoveAll(each => each.Condition() && each.Met.TrySetResult());
        }
    }

    public void OnRest(int answer, string text)
    {
    }

    public void OnAnswerEnded(int answer, GenerationEnd end)
    {
    }

    public void OnEnded(EngineResult result)
    {
        if (result.Failure is { } failure)
            _ended.TrySetException(failure);
        else
            _ended.TrySetResult();
    }

    private async Task Until(Func<bool> condition)
    {
        var met = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (condition())
                return;
            _waiting.Add((condition, met));
        }

        await await Task.WhenAny(met.Task, Ended);
    }
}
