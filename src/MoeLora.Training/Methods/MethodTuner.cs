using MoeLora.Models.Tokenizers;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Batches;
using MoeLora.Training.Networks;
using MoeLora.Training.Records;
using MoeLora.Training.Runs;
using MoeLora.Training.Samples;

namespace MoeLora.Training.Methods;

/// <summary>Trains adaptations for the methods: every run of one seed goes through here, with the same data and settings.</summary>
internal sealed class MethodTuner(Network network, ITokenizer tokenizer, MethodData data, MethodSettings settings, int seed, Action<string, TrainingEvent> events, CancellationToken cancellation)
{
    public Network Network => network;

    public MethodData Data => data;

    public MethodSettings Settings => settings;

    public int Seed => seed;

    public CancellationToken Cancellation => cancellation;

    /// <summary>An encoder; prompts may begin with other text or tokens.</summary>
    public SampleEncoder Encoder(Func<PromptRecord, string>? preface = null, Func<IReadOnlyList<int>, int[]>? prepend = null) => new(network, tokenizer, data.Tasks, settings.Format)
    {
        CutInputTokens = settings.CutInputTokens,
        CutTargetTokens = settings.CutTargetTokens,
        Preface = preface ?? (_ => ""),
        Prepend = prepend ?? (prompt => [.. prompt]),
    };

    /// <summary>An encoder that cuts nothing, to measure with.</summary>
    public SampleEncoder UncutEncoder() => new(network, tokenizer, data.Tasks, settings.Format);

    /// <summary>New experts with a gate; plain LoRA has one expert.</summary>
    public ExpertAdaptation Experts(GateKind gate, int? topK = null) =>
        new(network, settings.Experts with { Gate = gate, TopK = topK, ExpertCount = gate == GateKind.None ? 1 : settings.Experts.ExpertCount }, data.Tasks.Count, seed);

    /// <summary>Trains one adaptation on the records of all tasks, or of one.</summary>
    /// <param name="name">Of the run, for progress.</param>
    /// <param name="adaptation">What is trained.</param>
    /// <param name="encoder">Makes its samples.</param>
    /// <param name="task">One task, which gets steps in proportion to its records: as many epochs as all tasks together would get.</param>
    public TuningCost Train(string name, Adaptation adaptation, SampleEncoder encoder, string? task = null)
    {
        List<TrainingSample> train = Samples(data.Train), validation = Samples(data.Validation);
        TrainingSettings training = settings.Training with { Seed = seed };
        if (task is not null)
        {
            double share = (double)train.Count / data.Train.Count;
            long steps = Math.Max(1, (long)Math.Round(training.Steps * share));
            training = training with
            {
                Steps = steps,
                ValidationInterval = training.ValidationInterval == 0 ? 0 : (int)Math.Clamp(Math.Round(training.ValidationInterval * share), 1, steps),
                Optimizer = training.Optimizer with { WarmupSteps = (int)Math.Min(steps, Math.Round(training.Optimizer.WarmupSteps * share)) },
            };
        }
        using var run = new TrainingRun(network, adaptation, train, validation, training);
        long tokens = 0, start = TimeProvider.System.GetTimestamp();
        run.Complete(
            happened =>
            {
                tokens += happened is StepTaken step ? step.Tokens : 0;
                events(name, happened);
            },
            cancellation);
        return new TuningCost(adaptation.Parameters.Sum(parameter => parameter.Count), run.Step, tokens, TimeProvider.System.GetElapsedTime(start), run.Best?.Loss);

        List<TrainingSample> Samples(IReadOnlyList<PromptRecord> records) => [.. records.Where(record => task is null || record.TaskDataset == task).Select(encoder.Sample)];
    }

    /// <summary>Samples of one task from the validation records, at most <paramref name="count"/>, packed.</summary>
    public List<PackedBatch> ValidationBatches(string task, int count) =>
        PackedBatch.Pack(data.Validation.Where(record => record.TaskDataset == task).Take(count).Select(Encoder().Sample), settings.Training.PassRows);
}
