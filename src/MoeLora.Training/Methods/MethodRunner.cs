using MoeLora.Adapters;
using MoeLora.Models.Tokenizers;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Batches;
using MoeLora.Training.Generation;
using MoeLora.Training.Networks;
using MoeLora.Training.Randomness;
using MoeLora.Training.Records;
using MoeLora.Training.Runs;
using MoeLora.Training.Samples;

namespace MoeLora.Training.Methods;

/// <summary>Trains a method with one seed and answers the test records with it. All methods see the same data, settings and prompts.</summary>
/// <param name="network">The frozen base model.</param>
/// <param name="tokenizer">Its tokenizer.</param>
/// <param name="data">Records; see <see cref="MethodData.FindProblems"/>.</param>
/// <param name="settings">What all methods share.</param>
public sealed class MethodRunner(Network network, ITokenizer tokenizer, MethodData data, MethodSettings settings) : IDisposable
{
    private readonly Dictionary<int, TunedMethod> _singles = []; // by seed: three methods begin with the same LoRAs
    private readonly Dictionary<int, MethodResult> _full = []; // by seed: LoRA (Full) and the ablation without MOE are one training

    /// <summary>Runs a method.</summary>
    /// <param name="method">Which.</param>
    /// <param name="seed">Of initial values, draws, dropout and choices.</param>
    /// <param name="events">Told what happens, and in which of the method's training runs.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <exception cref="TrainingDivergedException">A training diverged.</exception>
    /// <exception cref="NotFiniteNumberException">What was trained computes no numbers.</exception>
    /// <exception cref="RecordException">Records do not fit the model together with what the method adds to them.</exception>
    public MethodResult Run(Method method, int seed, Action<string, TrainingEvent>? events = null, CancellationToken cancellation = default)
    {
        bool isFull = method == Method.LoraFull || method == Method.WithoutMoe;
        if (isFull && _full.TryGetValue(seed, out MethodResult? known))
            return known;
        var tuner = new MethodTuner(network, tokenizer, data, settings, seed, events ?? ((_, _) => { }), cancellation);
        using TunedMethod tuned = Tune(method, tuner);
        var result = new MethodResult
        {
            Predictions = Answer(tuned, cancellation),
            TrainableParameters = tuned.Cost.TrainableParameters,
            Steps = tuned.Cost.Steps,
            Tokens = tuned.Cost.Tokens,
            TrainingTime = tuned.Cost.Time,
            ValidationLoss = tuned.Cost.ValidationLoss,
            MillisecondsPerToken = Latency(tuned, cancellation),
            ExpertWeights = tuned.Parts is [{ Adaptation: ExpertAdaptation { Settings.Gate: GateKind.Shared } experts }] ? Weights(experts) : null,
        };
        if (isFull)
            _full.Add(seed, result);
        return result;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (TunedPart part in _singles.Values.SelectMany(singles => singles.Parts))
            part.Adaptation.Dispose();
    }

    private TunedMethod Tune(Method method, MethodTuner tuner)
    {
        if (method == Method.LoraSingle)
            return Singles(tuner);
        if (method == Method.TaskArithmetic)
            return Arithmetic(tuner);
        if (method == Method.LoraHub)
            return Hub(tuner);
        (Adaptation adaptation, SampleEncoder encoder) = Begin(method, tuner);
        try
        {
            RequireRoom(encoder);
            TuningCost cost = method == Method.InContext ? new TuningCost() : tuner.Train(method.Name, adaptation, encoder);
            return new TunedMethod([ForAllTasks(adaptation, encoder)], cost);
        }
        catch
        {
            adaptation.Dispose();
            throw;
        }
    }

    /// <summary>What a method trains on the records of all tasks, before its first step.</summary>
    private (Adaptation Adaptation, SampleEncoder Encoder) Begin(Method method, MethodTuner tuner)
    {
        if (method == Method.InContext)
            return (new Adaptation(), Demonstrations.Encoder(tuner));
        if (method == Method.LoraTaskPrompt)
            return (tuner.Experts(GateKind.None), tuner.Encoder(preface: TaskPreface.Of));
        if (method == Method.MoLora)
            return (new RoutedAdaptation(network, settings.Experts with { Gate = GateKind.Shared, TopK = null }, tuner.Seed), tuner.Encoder());
        if (method == Method.PTuning)
        {
            var prompt = new PromptAdaptation(network, settings.VirtualTokens, tuner.Seed);
            return (prompt, tuner.Encoder(prepend: prompt.Prepend));
        }
        (GateKind gate, int? topK) = method.Id switch
        {
            "lora-full" or "without-moe" => (GateKind.None, null),
            "moelora-d" => (GateKind.Shared, null),
            "moelora-s" => (GateKind.Shared, Math.Min(settings.SparseTopK, settings.Experts.ExpertCount)),
            "moelora-m" => (GateKind.PerModule, null),
            "without-gate" => (GateKind.Uniform, (int?)null),
            _ => throw new ArgumentException($"There is no way to train {method.Id}.", nameof(method)),
        };
        return (tuner.Experts(gate, topK), tuner.Encoder());
    }

    private TunedMethod Singles(MethodTuner tuner)
    {
        if (_singles.TryGetValue(tuner.Seed, out TunedMethod? known))
            return known;
        RequireRoom(tuner.Encoder());
        var cost = new TuningCost();
        IReadOnlyList<TunedPart> loras = Collect(parts =>
        {
            foreach (string task in data.Tasks.Names)
            {
                var part = new TunedPart([data.Tasks.Find(task)!.Value], tuner.Experts(GateKind.None), tuner.Encoder());
                parts.Add(part);
                cost += tuner.Train($"{Method.LoraSingle.Name}, {task}", part.Adaptation, part.Encoder, task);
            }
        });
        return _singles[tuner.Seed] = new TunedMethod(loras, cost, OwnsAdaptations: false);
    }

    private TunedMethod Arithmetic(MethodTuner tuner)
    {
        TunedMethod singles = Singles(tuner);
        long start = TimeProvider.System.GetTimestamp();
        LoraComposition composition = Composition(singles);
        List<PackedBatch> validation = [.. data.Tasks.Names.SelectMany(task => tuner.ValidationBatches(task, settings.HubSamples))];
        double best = 0, lowest = double.PositiveInfinity;
        foreach (double scale in settings.ArithmeticScales)
        {
            tuner.Cancellation.ThrowIfCancellationRequested();
            using ExpertAdaptation candidate = composition.Sum(scale);
            double loss = TrainingRun.MeanLoss(network, candidate, validation);
            if (loss < lowest)
                (lowest, best) = (loss, scale);
        }
        if (!double.IsFinite(lowest))
            throw new NotFiniteNumberException("No scale of the summed LoRAs gives a finite loss on the validation records.");
        return new TunedMethod([ForAllTasks(composition.Sum(best), tuner.Encoder())], singles.Cost + new TuningCost(Time: TimeProvider.System.GetElapsedTime(start)));
    }

    private TunedMethod Hub(MethodTuner tuner)
    {
        TunedMethod singles = Singles(tuner);
        long start = TimeProvider.System.GetTimestamp();
        LoraComposition composition = Composition(singles);
        IReadOnlyList<TunedPart> blends = Collect(parts =>
        {
            foreach (string task in data.Tasks.Names)
            {
                int id = data.Tasks.Find(task)!.Value;
                List<PackedBatch> samples = tuner.ValidationBatches(task, settings.HubSamples);
                Random random = SeedMix.Generator((uint)tuner.Seed, (ulong)id);
                parts.Add(new TunedPart([id], composition.Search(samples, settings.HubTrials, random, tuner.Cancellation), tuner.Encoder()));
            }
        });
        return new TunedMethod(blends, singles.Cost + new TuningCost(Time: TimeProvider.System.GetElapsedTime(start)));
    }

    private TunedPart ForAllTasks(Adaptation adaptation, SampleEncoder encoder) => new([.. Enumerable.Range(1, data.Tasks.Count)], adaptation, encoder);

    private LoraComposition Composition(TunedMethod singles) => new(network, [.. singles.Parts.Select(part => (ExpertAdaptation)part.Adaptation)]);

    /// <summary>Parts that are made one after the other; when one cannot be made, those before it are freed.</summary>
    private static IReadOnlyList<TunedPart> Collect(Action<List<TunedPart>> add)
    {
        var parts = new List<TunedPart>();
        try
        {
            add(parts);
            return parts;
        }
        catch
        {
            parts.ForEach(part => part.Adaptation.Dispose());
            throw;
        }
    }

    /// <summary>Before hours of training, not after them.</summary>
    private void RequireRoom(SampleEncoder encoder)
    {
        var problems = new RecordProblems();
        foreach (PromptRecord record in data.Test)
            encoder.CheckQuestion(record, settings.MaxNewTokens, problems);
        problems.ThrowIfAny();
    }

    private IReadOnlyList<IReadOnlyList<float>> Weights(ExpertAdaptation experts)
    {
        Adapter adapter = experts.ToAdapter(data.Tasks.TaskNames);
        return [.. adapter.Tasks.Select(task => adapter.Weights(task)[0])];
    }

    private PromptRecord[] Answer(TunedMethod tuned, CancellationToken cancellation)
    {
        var answers = new PromptRecord[data.Test.Count];
        foreach (TunedPart part in tuned.Parts)
        {
            int[] indices = [.. Enumerable.Range(0, answers.Length).Where(i => part.Answers(data.Test[i]))];
            GenerationPrompt[] prompts = [.. indices.Select(i => part.Encoder.Question(data.Test[i]))];
            IReadOnlyList<int[]> tokens = new GreedyGenerator(network, part.Adaptation).Generate(prompts, settings.MaxNewTokens, cancellation);
            for (int i = 0; i < indices.Length; i++)
                answers[indices[i]] = data.Test[indices[i]] with { Target = part.Encoder.Text(tokens[i]) };
        }
        return answers;
    }

    /// <summary>Milliseconds for each token, prompt included, one answer at a time, over one prompt of each task.</summary>
    private double Latency(TunedMethod tuned, CancellationToken cancellation)
    {
        (GreedyGenerator Generator, GenerationPrompt[] Prompt)[] questions =
        [
            .. from record in data.Test.DistinctBy(record => record.TaskDataset)
               let part = tuned.Parts.First(part => part.Answers(record))
               select (new GreedyGenerator(network, part.Adaptation, batchSize: 1), new[] { part.Encoder.Question(record) }),
        ];
        foreach ((GreedyGenerator generator, GenerationPrompt[] prompt) in questions)
            generator.Generate(prompt, 1, cancellation); // buffers grow
        long start = TimeProvider.System.GetTimestamp();
        int tokens = questions.Sum(question => Math.Min(question.Generator.Generate(question.Prompt, settings.MaxNewTokens, cancellation)[0].Length + 1, settings.MaxNewTokens)); // with the end token
        return TimeProvider.System.GetElapsedTime(start).TotalMilliseconds / tokens;
    }
}
