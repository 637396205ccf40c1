using System.Diagnostics;
using MoeLora.Cli.Terminals;
using MoeLora.Contracts;
using MoeLora.Engine.Batching;
using MoeLora.Engine.Generation;
using MoeLora.Tensors;

namespace MoeLora.Cli.Benchmarks;

/// <summary>Measures the serving engine: many requests of all tasks at once in shared form, and something to compare that with, in turns.</summary>
internal sealed class ServeRunner(BenchSettings settings, Device device, ProgressSource progress, CancellationToken cancellation)
{
    private const int BlockPositions = KvPool.DefaultBlockPositions;

    /// <summary>Compares with one request at a time: as many as there are tasks.</summary>
    public ServeReport CompareOne() => Compare("one at a time", ServingMode.Shared, Math.Min(settings.Batch, settings.Tasks), most: 1);

    /// <summary>Compares with the same load on merged weights, one group of requests for each task.</summary>
    public ServeReport CompareMerged() => Compare("merged", ServingMode.Merged, settings.Batch, settings.Batch);

    private ServeReport Compare(string name, ServingMode form, int requests, int most)
    {
        using var model = new BenchModel(settings, device, progress);
        IReadOnlyList<TaskModel> other = model.Lanes(form, requests), shared = model.Lanes(ServingMode.Shared, settings.Batch);
        int[] prompt = model.Prompt();
        using BatchEngine first = Engine(shared[0], most), second = Engine(shared[0], settings.Batch);
        var rounds = new List<(ServeRound, ServeRound)>();
        progress.Begin("Measuring");
        for (int i = 0; i <= settings.Repeats; i++)
        {
            rounds.Add((Measure(first, other, prompt), Measure(second, shared, prompt)));
            progress.Report((i + 1.0) / (settings.Repeats + 1));
            if (i == 0)
                rounds.Clear(); // it warms up
        }

        progress.End();
        return ServeReport.Of(settings, model, device.Name, name, rounds);
    }

    private BatchEngine Engine(TaskModel task, int most) => new(task.Model, null, new EngineOptions
    {
        MaxSequences = most,
        QueueLength = settings.Batch,
        TenantQueueLength = settings.Batch,
        BlockPositions = BlockPositions,
        Blocks = Math.Max(8, most * ((settings.Prompt + settings.Generate + BlockPositions - 1) / BlockPositions) * 8 / 7 + 1), // an eighth is for other tenants
        OnStart = device.PinThread,
    });

    private ServeRound Measure(BatchEngine engine, IReadOnlyList<TaskModel> tasks, int[] prompt)
    {
        cancellation.ThrowIfCancellationRequested();
        var outputs = tasks.Select(_ => new ServedAnswer(Stopwatch.GetTimestamp())).ToArray();
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < tasks.Count; i++)
        {
            // One tenant each: together they may use every place.
            var request = new EngineRequest { Task = tasks[i], Prompt = prompt, Settings = new GenerationSettings { MaxTokens = settings.Generate }, Tenant = $"{i}" };
            SubmitResult submitted = engine.TrySubmit(request, outputs[i], cancellation);
            if (!submitted.IsAccepted)
                throw new CommandException(submitted.Problem!);
        }

        EngineResult[] results = Task.WhenAll(outputs.Select(output => output.Ended)).GetAwaiter().GetResult();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        foreach (EngineResult result in results)
        {
            cancellation.ThrowIfCancellationRequested();
            if (result.Failure is { } failure)
                throw failure;
            if (result.Ends[0] == GenerationEnd.UnusableLogits)
                throw new CommandException("The logits are not numbers; a kernel or the random weights are wrong.");
        }

        return new ServeRound(
            results.Sum(result => result.CompletionTokens) / seconds,
            RunTimes.Median(outputs.Select(output => output.FirstToken)),
            RunTimes.Median(outputs.SelectMany(output => output.Gaps.DefaultIfEmpty())));
    }

    private sealed class ServedAnswer(long submitted) : IEngineOutput
    {
        private readonly TaskCompletionSource<EngineResult> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private long _last;

        public Task<EngineResult> Ended => _ended.Task;

        /// <summary>Seconds from submission.</summary>
        public double FirstToken { get; private set; }

        /// <summary>Seconds between tokens.</summary>
        public List<double> Gaps { get; } = [];

        public void OnStarted(TimeSpan queued)
        {
        }

        public void OnToken(int answer, in GeneratedToken token)
        {
            long now = Stopwatch.GetTimestamp();
            if (_last == 0)
                FirstToken = Stopwatch.GetElapsedTime(submitted, now).TotalSeconds;
            else
                Gaps.Add(Stopwatch.GetElapsedTime(_last, now).TotalSeconds);
            _last = now;
        }

        public void OnRest(int answer, string text)
        {
        }

        public void OnAnswerEnded(int answer, GenerationEnd end)
        {
        }

        public void OnEnded(EngineResult result) => _ended.TrySetResult(result);
    }
}
