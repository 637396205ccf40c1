using MoeLora.Adapters;
using MoeLora.Models.Tokenizers;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Samples;
using MoeLora.Training.Generation;
using MoeLora.Training.Networks;
using MoeLora.Training.Records;
using MoeLora.Training.Runs;

namespace MoeLora.Training.Methods;

/// <summary>Trains a method with one seed and answers the test records with it. All methods see the same data, settings and prompts.</summary>
/// <param name="network">The frozen base model.</param>
/// <param name="tokenizer">Its tokenizer.</param>
/// <param name="data">Records.</param>
/// <param name="settings">What all methods share.</param>
public sealed class MethodRunner(Network network, ITokenizer tokenizer, MethodData data, MethodSettings settings) : IDisposable
{
    private const int LatencyPrompts = 8;

    private readonly Dictionary<int, TunedMethod> _singles = []; // by seed: three methods begin with the same LoRAs
    private readonly Dictionary<int, MethodResult> _full = []; // by seed: LoRA (Full) and the ablation without MOE are one training

    /// <summary>Runs a method.</summary>
    /// <param name="method">Which.</param>
    /// <param name="seed">Of initial values, draws, dropout and choices.</param>
    /// <param name="events">Told what happens, and in which of the method's training runs.</param>
    /// <param name="cancellation">Stops between two steps.</param>
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
        foreach (TunedMethod singles in _singles.Values)
        {
            foreach (TunedPart part in singles.Parts)
                part.Adaptation.Dispose();
        }
    }

    private TunedMethod Tune(Method method, MethodTuner tuner)
    {
        if (method == Method.InContext)
            return All(new Adaptation(), Demonstrations.Encoder(tuner), new TuningCost());
        if (method == Method.LoraSingle)
            return Singles(tuner);
        if (method == Method.TaskArithmetic)
            return Arithmetic(tuner);
        if (method == Method.LoraHub)
            return Hub(tuner);
        if (method == Method.PTuning)
        {
            var prompt = new PromptAdaptation(network, settings.VirtualTokens, tuner.Seed);
            return Trained(prompt, tuner.Encoder(prepend: prompt.Prepend));
        }
        if (method == Method.MoLora)
            return Trained(new RoutedAdaptation(network, settings.Experts with { Gate = GateKind.Shared, TopK = null }, tuner.Seed), tuner.Encoder());
        if (method == Method.LoraTaskPrompt)
            return Trained(tuner.Experts(GateKind.None), tuner.Encoder(preface: TaskPreface.Of));
        (GateKind gate, int? topK) = method.Id switch
        {
            "lora-full" or "without-moe" => (GateKind.None, null),
            "moelora-d" => (GateKind.Shared, null),
            "moelora-s" => (GateKind.Shared, Math.Min(settings.SparseTopK, settings.Experts.ExpertCount)),
            "moelora-m" => (GateKind.PerModule, null),
            "without-gate" => (GateKind.Uniform, (int?)null),
            _ => throw new ArgumentException($"There is no way to train {method.Id}.", nameof(method)),
        };
        return Trained(tuner.Experts(gate, topK), tuner.Encoder());

        TunedMethod Trained(Adaptation adaptation, SampleEncoder encoder) => All(adaptation, encoder, tuner.Train(method.Name, adaptation, encoder));

        TunedMethod All(Adaptation adaptation, SampleEncoder encoder, TuningCost cost) =>
            new([new TunedPart([.. Enumerable.Range(1, data.Tasks.Count)], adaptation, encoder)], cost);
    }

    private TunedMethod Singles(MethodTuner tuner)
    {
        if (_singles.TryGetValue(tuner.Seed, out TunedMethod? known))
            return known;
        var parts = new List<TunedPart>();
        var cost = new TuningCost();
        foreach (string task in data.Tasks.Names)
        {
            ExpertAdaptation lora = tuner.Experts(GateKind.None);
            parts.Add(new TunedPart([data.Tasks.Find(task)!.Value], lora, tuner.Encoder()));
            cost += tuner.Train($"{Method.LoraSingle.Name}, {task}", lora, parts[^1].Encoder, task);
        }
        return _singles[tuner.Seed] = new TunedMethod(parts, cost, OwnsAdaptations: false);
    }

    private TunedMethod Arithmetic(MethodTuner tuner)
    {
        TunedMethod singles = Singles(tuner);
        long start = TimeProvider.System.GetTimestamp();
        LoraComposition composition = Composition(singles);
        var validation = data.Tasks.Names.SelectMany(task => tuner.ValidationBatches(task, settings.HubSamples)).ToList();
        double best = 0, lowest = double.PositiveInfinity;
        foreach (double scale in settings.ArithmeticScales)
        {
            tuner.Cancellation.ThrowIfCancellationRequested();
            using ExpertAdaptation candidate = composition.Sum(scale);
            double loss = TrainingRun.MeanLoss(network, candidate, validation);
            if (loss < lowest)
                (lowest, best) = (loss, scale);
        }
        var part = new TunedPart([.. Enumerable.Range(1, data.Tasks.Count)], composition.Sum(best), tuner.Encoder());
        return new TunedMethod([part], singles.Cost + new TuningCost(Time: TimeProvider.System.GetElapsedTime(start)) with { ValidationLoss = lowest });
    }

    private TunedMethod Hub(MethodTuner tuner)
    {
        TunedMethod singles = Singles(tuner);
        long start = TimeProvider.System.GetTimestamp();
        LoraComposition composition = Composition(singles);
        TunedPart[] parts =
        [
            .. data.Tasks.Names.Select((task, i) => new TunedPart(
                [i + 1], composition.Search(tuner.ValidationBatches(task, settings.HubSamples), settings.HubTrials, tuner.Seed + i, tuner.Cancellation), tuner.Encoder())),
        ];
        return new TunedMethod(parts, singles.Cost + new TuningCost(Time: TimeProvider.System.GetElapsedTime(start)));
    }

    private LoraComposition Composition(TunedMethod singles) => new(network, [.. singles.Parts.Select(part => (ExpertAdaptation)part.Adaptation)]);

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
            int[] indices = [.. Enumerable.Range(0, answers.Length).Where(i => part.TaskIds.Contains(data.Tasks.Find(data.Test[i].TaskDataset) ?? 0))];
            GenerationPrompt[] prompts = [.. indices.Select(i => part.Encoder.Question(data.Test[i]))];
            IReadOnlyList<int[]> tokens = new GreedyGenerator(network, part.Adaptation).Generate(prompts, settings.MaxNewTokens, cancellation);
            for (int i = 0; i < indices.Length; i++)
                answers[indices[i]] = data.Test[indices[i]] with { Target = part.Encoder.Text(tokens[i]) };
        }
        return answers;
    }

    /// <summary>Milliseconds for each token, prompt included, one answer at a time, over the first prompts; their first pass warms up.</summary>
    private double Latency(TunedMethod tuned, CancellationToken cancellation)
    {
        TunedPart part = tuned.Parts[0];
        GenerationPrompt[] prompts =
            [.. data.Test.Where(record => part.TaskIds.Contains(data.Tasks.Find(record.TaskDataset) ?? 0)).Take(LatencyPrompts).Select(part.Encoder.Question)];
        var generator = new GreedyGenerator(network, part.Adaptation, batchSize: 1);
        generator.Generate(prompts[..1], settings.MaxNewTokens, cancellation);
        long start = TimeProvider.System.GetTimestamp();
        int tokens = generator.Generate(prompts, settings.MaxNewTokens, cancellation).Sum(answer => answer.Length + 1);
        return TimeProvider.System.GetElapsedTime(start).TotalMilliseconds / tokens;
    }
}
