using System.Collections.Concurrent;
using System.Text.Json;
using MoeLora.Training.Records;
using MoeLora.Training.Scores;
using MoeLora.Training.Segmentation;

namespace MoeLora.Cli.Demonstration;

/// <summary>The demo itself: every held-out record with version 1, an upgrade while requests run, and every record again with version 2.</summary>
/// <param name="ask">Sends a record's prompt to its task.</param>
/// <param name="upgrade">Publishes version 2, and completes when only that serves.</param>
/// <param name="records">Held-out records of all tasks; at least one.</param>
internal sealed class DemoRun(Func<PromptRecord, CancellationToken, Task<DemoAnswer>> ask, Func<CancellationToken, Task> upgrade, IReadOnlyList<PromptRecord> records)
{
    private const int Callers = 4;

    /// <summary>Runs all of it.</summary>
    /// <param name="stage">Told what it is busy with, and how much of that is done.</param>
    /// <param name="cancellation">Stops between two answers.</param>
    /// <exception cref="CommandException">The server refused a prompt, or both versions are the same bundle.</exception>
    public async Task<DemoReport> RunAsync(Action<string, double> stage, CancellationToken cancellation)
    {
        DemoAnswer[] first = await AskAllAsync("Asking version 1", stage, cancellation);
        stage("Publishing version 2 while requests run", 0);
        IReadOnlyCollection<(int Record, DemoAnswer? Answer)> during = await UpgradeAsync(cancellation);
        DemoAnswer[] second = await AskAllAsync("Asking version 2", stage, cancellation);
        if (first[0].Adapter == second[0].Adapter)
            throw new CommandException($"Version 2 is the same bundle as version 1 ({first[0].Adapter}), so nothing was upgraded.");

        int byV1 = during.Count(asked => asked.Answer == first[asked.Record]), byV2 = during.Count(asked => asked.Answer == second[asked.Record]), lost = during.Count(asked => asked.Answer is null);
        ScoreReport v1 = Score(first), v2 = Score(second);
        DemoTask[] tasks =
        [
            .. v1.Scores.Select(scored =>
            {
                int shown = Enumerable.Range(0, records.Count).First(i => records[i].TaskDataset == scored.Key);
                return new DemoTask(
                    scored.Key, scored.Value.Metric, scored.Value.Samples, records[shown].Input, records[shown].Target,
                    new DemoVersion(first[shown].Text, scored.Value.Score), new DemoVersion(second[shown].Text, v2.Scores[scored.Key].Score));
            }),
        ];
        return new DemoReport { Tasks = tasks, AverageV1 = v1.Average, AverageV2 = v2.Average, Upgrade = new DemoUpgrade(during.Count, byV1, byV2, lost, during.Count - byV1 - byV2 - lost) };
    }

    private async Task<DemoAnswer[]> AskAllAsync(string what, Action<string, double> stage, CancellationToken cancellation)
    {
        var answers = new DemoAnswer[records.Count];
        int done = 0;
        stage(what, 0);
        var options = new ParallelOptions { MaxDegreeOfParallelism = Callers, CancellationToken = cancellation };
        await Parallel.ForAsync(0, records.Count, options, async (i, token) =>
        {
            answers[i] = await ask(records[i], token);
            stage(what, (double)Interlocked.Increment(ref done) / records.Count);
        });
        return answers;
    }

    /// <summary>Callers ask without a pause; once they are under way version 2 is published, and each asks once more after that.</summary>
    private async Task<IReadOnlyCollection<(int Record, DemoAnswer? Answer)>> UpgradeAsync(CancellationToken cancellation)
    {
        var answers = new ConcurrentQueue<(int Record, DemoAnswer? Answer)>();
        using var answered = new SemaphoreSlim(0);
        int sent = -1;
        bool isPublished = false;
        Task[] callers = [.. Enumerable.Range(0, Callers).Select(_ => Task.Run(AskOnAsync, cancellation))];
        try
        {
            for (int i = 0; i < Callers; i++)
                await answered.WaitAsync(cancellation);
            await upgrade(cancellation);
        }
        finally
        {
            Volatile.Write(ref isPublished, true);
            await Task.WhenAll(callers);
        }
        return answers;

        async Task AskOnAsync()
        {
            bool isLast;
            do
            {
                isLast = Volatile.Read(ref isPublished);
                int record = Interlocked.Increment(ref sent) % records.Count;
                answers.Enqueue((record, await AskOrLoseAsync(records[record], cancellation)));
                answered.Release();
            }
            while (!isLast);
        }
    }

    private async Task<DemoAnswer?> AskOrLoseAsync(PromptRecord record, CancellationToken cancellation)
    {
        try
        {
            return await ask(record, cancellation);
        }
        catch (Exception e) when (e is HttpRequestException or JsonException or CommandException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            return null; // counted as lost
        }
    }

    private ScoreReport Score(DemoAnswer[] answers) =>
        Evaluation.Score(records, [.. records.Select((record, i) => record with { Target = answers[i].Text })], new BuiltInSegmenter());
}
