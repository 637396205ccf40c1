using System.Diagnostics;
using MoeLora.Serving;
using MoeLora.Training.Records;
using MoeLora.Training.Scores;
using MoeLora.Training.Segmentation;

namespace MoeLora.Cli.Demonstration;

/// <summary>The demo itself: every held-out record over HTTP with version 1, an upgrade while requests run, and every record again with version 2.</summary>
/// <param name="grid">Serves version 1.</param>
/// <param name="client">Asks it.</param>
/// <param name="records">Held-out records of all tasks.</param>
internal sealed class DemoRun(UpgradableGrid grid, DemoClient client, IReadOnlyList<PromptRecord> records)
{
    private const int Callers = 4;

    /// <summary>Runs all of it.</summary>
    /// <param name="next">Version 2.</param>
    /// <param name="stage">Told what it is busy with.</param>
    /// <param name="cancellation">Stops between two answers.</param>
    public async Task<DemoReport> RunAsync(LocalGridOptions next, Action<string, double> stage, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        DemoAnswer[] first = await AskAllAsync("Asking version 1", stage, cancellation);
        (DemoUpgrade upgrade, DemoAnswer?[] during) = await UpgradeAsync(next, first[0].Adapter, cancellation);
        DemoAnswer[] second = await AskAllAsync("Asking version 2", stage, cancellation);
        for (int i = 0; i < during.Length; i++)
        {
            DemoAnswer whole = during[i]?.Adapter == first[i % records.Count].Adapter ? first[i % records.Count] : second[i % records.Count];
            if (during[i] is { } answer && answer != whole)
                upgrade = upgrade with { Mixed = upgrade.Mixed + 1 };
        }

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
        return new DemoReport(tasks, v1.Average, v2.Average, upgrade, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    private async Task<DemoAnswer[]> AskAllAsync(string what, Action<string, double> stage, CancellationToken cancellation)
    {
        var answers = new DemoAnswer[records.Count];
        int done = 0;
        stage(what, 0);
        var options = new ParallelOptions { MaxDegreeOfParallelism = Callers, CancellationToken = cancellation };
        await Parallel.ForAsync(0, records.Count, options, async (i, token) =>
        {
            answers[i] = await client.AskAsync(records[i], token);
            stage(what, (double)Interlocked.Increment(ref done) / records.Count);
        });
        return answers;
    }

    /// <summary>Callers ask without a pause; once they are under way version 2 is published, and they stop when it has answered each of them.</summary>
    private async Task<(DemoUpgrade Upgrade, DemoAnswer?[] Answers)> UpgradeAsync(LocalGridOptions next, string? oldAdapter, CancellationToken cancellation)
    {
        var answers = new List<(int Request, DemoAnswer? Answer)>();
        int sent = 0;
        var underWay = new CountdownEvent(Callers);
        Task[] callers =
        [
            .. Enumerable.Range(0, Callers).Select(_ => Task.Run(async () =>
            {
                bool isFirst = true, isNew = false;
                while (!isNew)
                {
                    cancellation.ThrowIfCancellationRequested();
                    int request = Interlocked.Increment(ref sent) - 1;
                    DemoAnswer? answer = await AskOrLoseAsync(records[request % records.Count], cancellation);
                    lock (answers)
                        answers.Add((request, answer));
                    if (isFirst)
                        underWay.Signal();
                    isFirst = false;
                    isNew = answer is null || answer.Adapter != oldAdapter;
                }
            }, cancellation)),
        ];
        await Task.Run(() => underWay.Wait(cancellation), cancellation);
        await grid.UpgradeAsync(next, cancellation: cancellation);
        await Task.WhenAll(callers);

        DemoAnswer?[] ordered = [.. answers.OrderBy(answer => answer.Request).Select(answer => answer.Answer)];
        int lost = ordered.Count(answer => answer is null), byOld = ordered.Count(answer => answer?.Adapter == oldAdapter);
        return (new DemoUpgrade(ordered.Length, byOld - (oldAdapter is null ? lost : 0), ordered.Length - byOld - lost, lost, 0), ordered);
    }

    private async Task<DemoAnswer?> AskOrLoseAsync(PromptRecord record, CancellationToken cancellation)
    {
        try
        {
            return await client.AskAsync(record, cancellation);
        }
        catch (Exception e) when (e is HttpRequestException or CommandException)
        {
            return null; // counted as lost
        }
    }

    private ScoreReport Score(DemoAnswer[] answers) =>
        Evaluation.Score(records, [.. records.Select((record, i) => record with { Target = answers[i].Text })], new BuiltInSegmenter());
}
