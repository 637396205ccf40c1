using MoeLora.Adapters;
using MoeLora.Adapters.Experts;
using MoeLora.Engine.Batching;
using MoeLora.Engine.Generation;
using MoeLora.Engine.Sampling;
using MoeLora.Models;

namespace MoeLora.Engine.Tests.Batching;

/// <summary>A reference pack's tasks in both forms, and engines on them.</summary>
internal sealed class EnginePack : IDisposable
{
    private readonly List<CausalModel> _merged = [];
    private readonly DeviceBank _secondBank;

    public EnginePack(string name)
    {
        Pack = new Pack(name, threads: 1); // tiny matrices: a second thread would mostly wait
        Shared = [.. Pack.Adapter.Tasks.Select(task => TaskModel.Shared(Pack.Model, Pack.Bank.Deltas, Pack.Adapter.GateRows(task)))];
        foreach (AdapterTask task in Pack.Adapter.Tasks)
            _merged.Add(Recovery.Merge(Pack.Model, null, Pack.Adapter, [task]));
        Merged = [.. _merged.Select(TaskModel.Own)];
        _secondBank = Pack.Adapter.ToDevice(Pack.Model);
        All = [.. Shared, .. Merged, TaskModel.Own(Pack.Model), .. Pack.Adapter.Tasks.Select(task => TaskModel.Shared(Pack.Model, _secondBank.Deltas, Pack.Adapter.GateRows(task)))];
    }

    public Pack Pack { get; }

    /// <summary>Every task on the expert bank.</summary>
    public IReadOnlyList<TaskModel> Shared { get; }

    /// <summary>Every task with weights of its own.</summary>
    public IReadOnlyList<TaskModel> Merged { get; }

    /// <summary>Both, the base model by itself, and every task on another bank, as of another version.</summary>
    public IReadOnlyList<TaskModel> All { get; }

    public BatchEngine Engine(EngineOptions? options = null) => new(Pack.Model, new Generation.BracketTokenizer(), options ?? new EngineOptions { Blocks = 64 });

    /// <summary>A request that any model of the pack can answer, the same for the same numbers. It reports the chosen tokens' log probabilities, so that every bit of the logits shows.</summary>
    public EngineRequest Request(Random random, int longestPrompt = 90, int mostTokens = 30, int answers = 1)
    {
        double temperature = random.Next(3) * 0.6;
        return new EngineRequest
        {
            Task = All[random.Next(All.Count)],
            Prompt = Prompt(random, 2 + random.Next(longestPrompt - 1)),
            Answers = answers,
            Settings = new GenerationSettings
            {
                MaxTokens = 1 + random.Next(mostTokens),
                Sampling = new SamplingSettings
                {
                    Temperature = temperature,
                    TopK = random.Next(2) * 20,
                    TopP = random.Next(2) == 0 ? 1 : 0.9,
                    RepetitionPenalty = random.Next(2) == 0 ? 1 : 1.2,
                    FrequencyPenalty = random.Next(2) * 0.5,
                    LogProbabilities = random.Next(8) == 0 ? null : 0,
                    Seed = random.Next(),
                },
                Stop = random.Next(4) == 0 ? ["9][1"] : [],
            },
        };
    }

    /// <summary>Random tokens, with what ChatGLM's prompts end with.</summary>
    public int[] Prompt(Random random, int length)
    {
        int[] prompt = [.. Enumerable.Range(0, length).Select(_ => random.Next(3, 300))];
        if (Pack.Model.Config.ModelType == "chatglm")
            (prompt[^2], prompt[^1]) = (315, 316);
        return prompt;
    }

    /// <summary>What a request is answered when nothing else runs.</summary>
    public RecordedOutput Alone(EngineRequest request)
    {
        using BatchEngine engine = Engine();
        var output = new RecordedOutput(request.Answers);
        Assert.True(engine.TrySubmit(request with { PrefixKey = null }, output).IsAccepted);
        output.Wait();
        return output;
    }

    public void Dispose()
    {
        foreach (CausalModel merged in _merged)
            merged.Dispose();
        _secondBank.Dispose();
        Pack.Dispose();
    }
}
