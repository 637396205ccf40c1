using MoeLora.Adapters;
using MoeLora.Engine.Batching;
using MoeLora.Engine.Generation;
using MoeLora.Engine.Sampling;
using MoeLora.Models;

namespace MoeLora.Engine.Tests.Batching;

/// <summary>
/// Random requests, cancellations, steps and exchanges of tasks in random order, on an engine with little memory: every answer is the one that its request gets alone, no
/// request uses keys and values of another key, and nothing stays held. 10,000 operations; 200,000 when MOELORA_LONG is 1.
/// </summary>
public sealed class InterleavingTests : IDisposable
{
    private static readonly int Operations = Environment.GetEnvironmentVariable("MOELORA_LONG") == "1" ? 200_000 : 10_000;

    private readonly EnginePack _pack = new(Pack.Qwen2);
    private readonly Random _random = new(20260401);
    private readonly Dictionary<(int Task, int Prompt, int Settings), Answer> _alone = [];
    private readonly int[][] _prompts;
    private readonly GenerationSettings[] _settings;
    private readonly Version[] _versions; // what each task is served with now
    private readonly List<Open> _open = [];
    private readonly Dictionary<(string Key, string Beginning), int> _given = []; // how many requests have come with it
    private readonly BatchEngine _engine;
    private int _finished;
    private int _cached;

    public InterleavingTests()
    {
        // Prompts that begin alike, so that sharing pays and mixing would show.
        int[] beginning = _pack.Prompt(_random, 64);
        _prompts =
        [
            .. Enumerable.Range(0, 4).Select(i => (int[])[.. beginning, .. _pack.Prompt(_random, 1 + 9 * i)]),
            .. Enumerable.Range(0, 3).Select(i => (int[])[.. beginning[..32], .. _pack.Prompt(_random, 2 + 31 * i)]),
            .. Enumerable.Range(0, 3).Select(i => _pack.Prompt(_random, 3 + 20 * i)),
        ];
        _settings =
        [
            new GenerationSettings { MaxTokens = 6, Sampling = new SamplingSettings { LogProbabilities = 0 } },
            new GenerationSettings { MaxTokens = 40, Sampling = new SamplingSettings { Temperature = 1.1, Seed = 3, LogProbabilities = 0 } },
            new GenerationSettings { MaxTokens = 15, Sampling = new SamplingSettings { Temperature = 0.8, TopP = 0.8, RepetitionPenalty = 1.3, Seed = 4 }, Stop = ["1][2"] },
        ];
        _versions = [.. _pack.Shared.Select(task => new Version(task, null))];
        _engine = new BatchEngine(
            _pack.Pack.Model, new Generation.BracketTokenizer(), new EngineOptions { Blocks = 14, MaxSequences = 10, StepTokens = 48, QueueLength = 24 }, null, hasThread: false);
    }

    public void Dispose()
    {
        _engine.Dispose();
        foreach (Version version in _versions)
            version.Model?.Dispose();
        _pack.Dispose();
    }

    [Fact]
    public void Answers_InAnyOrderOfEvents_AreThoseAlone()
    {
        int refused = 0, cancelled = 0, exchanged = 0;
        for (int operation = 0; operation < Operations; operation++)
        {
            switch (_random.Next(20))
            {
                case < 4:
                    refused += Submit() ? 0 : 1;
                    break;
                case 4 when _open.Count > 0 && _random.Next(3) == 0:
                    _open[_random.Next(_open.Count)].Cancellation.Cancel();
                    cancelled++;
                    break;
                case 5 when _random.Next(8) == 0:
                    Exchange(_random.Next(_versions.Length));
                    exchanged++;
                    break;
                default:
                    _engine.RunOnce();
                    break;
            }

            Collect();
        }

        while (_open.Count > 0)
        {
            _engine.RunOnce();
            Collect();
        }

        BatchEngineTests.AssertWhole(_engine);
        EngineStatistics statistics = _engine.Statistics;
        Assert.True(
            _finished > Operations / 100 && _cached > Operations / 200 && refused > 0 && cancelled > 10 && exchanged > 10 && statistics.Preemptions > 10,
            $"{_finished} finished, {_cached} used the cache, {refused} refused, {cancelled} cancelled, {exchanged} exchanged: too little happened. {statistics}");
    }

    private bool Submit()
    {
        (int task, int prompt, int settings) = (_random.Next(_versions.Length), _random.Next(_prompts.Length), _random.Next(_settings.Length));
        Version version = _versions[task];
        int tenant = _random.Next(3);
        var open = new Open
        {
            Case = (task, prompt, settings),
            Version = version,
            Request = new EngineRequest
            {
                Task = version.Task,
                Prompt = _prompts[prompt],
                Settings = _settings[settings],
                Answers = 1 + _random.Next(8) / 6,
                Tenant = $"tenant {tenant}",
                PrefixKey = _random.Next(4) == 0 ? null : $"{tenant}/{version.Id}/{task}",
            },
            Cancellation = new CancellationTokenSource(),
        };
        open.Output = new RecordedOutput(open.Request.Answers);
        if (!_engine.TrySubmit(open.Request, open.Output, open.Cancellation.Token).IsAccepted)
            return false;
        version.Users++;
        _open.Add(open);
        if (open.Request.PrefixKey is { } key)
        {
            for (int length = 32; length <= open.Request.Prompt.Length; length += 32)
                _given[(key, Beginning(open, length))] = _given.GetValueOrDefault((key, Beginning(open, length))) + 1;
        }

        return true;
    }

    /// <summary>Serves a task in the other form from now on, with weights of its own made anew; those of before live until their last request has ended.</summary>
    private void Exchange(int task)
    {
        Version old = _versions[task];
        if (old.Model is null)
        {
            CausalModel merged = Recovery.Merge(_pack.Pack.Model, null, _pack.Pack.Adapter, [_pack.Pack.Adapter.Tasks[task]]);
            _versions[task] = new Version(TaskModel.Own(merged), merged);
        }
        else
        {
            _versions[task] = new Version(_pack.Shared[task], null);
        }

        old.IsRetired = true;
        old.FreeIfUnused();
    }

    private void Collect()
    {
        for (int i = _open.Count - 1; i >= 0; i--)
        {
            Open open = _open[i];
            if (!open.Output.Ended.IsCompleted)
                continue;
            _open.RemoveAt(i);
            Check(open, open.Output.Wait());
            open.Version.Users--;
            open.Version.FreeIfUnused();
            open.Cancellation.Dispose();
        }
    }

    private void Check(Open open, EngineResult result)
    {
        Assert.Null(result.Failure);
        if (result.CachedTokens > 0)
        {
            _cached++;
            Assert.True(_given[(open.Request.PrefixKey!, Beginning(open, result.CachedTokens))] > 1); // another request's, with the same key
        }

        for (int answer = 0; answer < open.Request.Answers; answer++)
        {
            Answer alone = Alone(open, answer);
            int count = open.Output.Ids[answer].Count;
            bool whole = result.Ends[answer] != GenerationEnd.Cancelled;
            _finished += whole ? 1 : 0;
            Assert.Equal(whole ? alone.Ids : alone.Ids[..count], open.Output.Ids[answer]);
            if (whole)
                Assert.Equal((alone.End, alone.Text), (result.Ends[answer], open.Output.Text(answer)));
            Assert.Equal(alone.LogProbabilities[..open.Output.LogProbabilities[answer].Count], open.Output.LogProbabilities[answer]);
        }
    }

    private static string Beginning(Open open, int length) => string.Join(' ', open.Request.Prompt[..length]);

    /// <summary>The task's answer when nothing else runs. Both forms of a task are told apart: their sums round differently.</summary>
    private Answer Alone(Open open, int index)
    {
        (int task, int prompt, int settings) = open.Case;
        var key = (open.Version.Model is null ? task : task + 1000, prompt, settings + 100 * index);
        if (_alone.TryGetValue(key, out Answer? known))
            return known;
        EngineRequest request = open.Request with
        {
            Answers = 1,
            Settings = open.Request.Settings with { Sampling = open.Request.Settings.Sampling.ForAnswer(index) },
            Task = open.Version.Model is null ? _pack.Shared[task] : _pack.Merged[task],
        };
        RecordedOutput output = _pack.Alone(request);
        return _alone[key] = new Answer([.. output.Ids[0]], [.. output.LogProbabilities[0]], output.Text(), output.Wait().Ends[0]);
    }

    private sealed record Answer(int[] Ids, double[] LogProbabilities, string Text, GenerationEnd End);

    private sealed class Open
    {
        public required (int Task, int Prompt, int Settings) Case { get; init; }

        public required Version Version { get; init; }

        public required EngineRequest Request { get; init; }

        public required CancellationTokenSource Cancellation { get; init; }

        public RecordedOutput Output { get; set; } = null!;
    }

    private sealed class Version(TaskModel task, CausalModel? model)
    {
        private static int _ids;

        public int Id { get; } = Interlocked.Increment(ref _ids);

        public TaskModel Task { get; } = task;

        /// <summary>Weights of its own; null in shared form.</summary>
        public CausalModel? Model { get; } = model;

        public int Users { get; set; }

        public bool IsRetired { get; set; }

        public void FreeIfUnused()
        {
            if (IsRetired && Users == 0)
                Model?.Dispose();
        }
    }
}
