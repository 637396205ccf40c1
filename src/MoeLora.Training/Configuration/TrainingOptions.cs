using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using MoeLora.Models.Prompts;
using MoeLora.Tensors;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Optimization;
using MoeLora.Training.Runs;
using MoeLora.Training.Sampling;
using static MoeLora.Training.Configuration.ValueKinds;

namespace MoeLora.Training.Configuration;

/// <summary>The options of a <see cref="TrainingConfiguration"/>: the one place that says which there are.</summary>
public static class TrainingOptions
{
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, WriteIndented = true, NewLine = "\n" };

    private static readonly ValueKind<TrainingMethod> Method = Choice(
        ("moelora", TrainingMethod.MoeLora), ("lora", TrainingMethod.Lora), ("lora-task-prompt", TrainingMethod.LoraTaskPrompt), ("p-tuning", TrainingMethod.PTuning), ("molora", TrainingMethod.MoLora));

    private static readonly ValueKind<GateKind> Gate = Choice(("shared", GateKind.Shared), ("per-module", GateKind.PerModule), ("uniform", GateKind.Uniform));

    private static readonly ValueKind<SamplerKind> Sampler = Choice(("mixed", SamplerKind.Mixed), ("per-task", SamplerKind.PerTask), ("temperature", SamplerKind.Temperature));

    private static readonly ValueKind<OverLong> OverLongKind = Choice(("refuse", OverLong.Refuse), ("skip", OverLong.Skip), ("cut", OverLong.Cut));

    private static readonly ValueKind<PromptFormat> Format = Choice([.. PromptFormats.ByName.Select(name => (name.Key, name.Value))]);

    private static readonly ValueKind<DType> WeightFormat = Choice([.. new[] { DType.F32, DType.BF16, DType.F16, DType.Q8 }.Select(dtype => (dtype.Name(), dtype))]);

    /// <summary>All options, in the order of help and files.</summary>
    public static IReadOnlyList<ConfigurationOption> All { get; } =
    [
        ConfigurationOption.Of("model", Text, c => c.Model, (c, v) => c with { Model = v }, "Directory of the base model, which stays as it is.", "DIR", mayChange: true),
        ConfigurationOption.Of("train", Text, c => c.Train, (c, v) => c with { Train = v }, "File of records to learn from.", "FILE", mayChange: true),
        ConfigurationOption.Of("validation", Text.OrAbsent(), c => c.Validation, (c, v) => c with { Validation = v }, "File of records to validate on; needs a validation_interval.", "FILE", mayChange: true),
        ConfigurationOption.Of("out", Text, c => c.Out, (c, v) => c with { Out = v }, "Directory of the outputs: new or empty, unless a run is resumed.", "DIR", mayChange: true),
        ConfigurationOption.Of("method", Method, c => c.Method, (c, v) => c with { Method = v }, "What is trained."),
        OfMoeLora("gate", Gate, c => c.Experts.Gate, (e, v) => e with { Gate = v }, "How experts are weighted: by one gate, by one gate for each adapted layer, or all alike."),
        OfExperts("rank", Whole, c => c.Experts.Rank, (e, v) => e with { Rank = v }, "r over all experts.", WithLowRank, "another method than p-tuning"),
        OfExperts("experts", Whole, c => c.Experts.ExpertCount, (e, v) => e with { ExpertCount = v }, "Experts; their number divides the rank.", c => c.Method is TrainingMethod.MoeLora or TrainingMethod.MoLora, "method moelora or molora"),
        OfExperts("alpha", Number, c => c.Experts.Alpha, (e, v) => e with { Alpha = v }, "α; deltas are scaled by α/r.", WithLowRank, "another method than p-tuning"),
        OfExperts("dropout", ShortNumber, c => c.Experts.Dropout, (e, v) => e with { Dropout = v }, "Rate of dropout on the input of the experts.", WithLowRank, "another method than p-tuning"),
        OfMoeLora("task_embedding_dim", Whole, c => c.Experts.TaskEmbeddingDim, (e, v) => e with { TaskEmbeddingDim = v }, "Dimension of a task's embedding."),
        OfMoeLora("top_k", Whole.OrNone(), c => c.Experts.TopK, (e, v) => e with { TopK = v }, "Experts that keep a weight in the sparse gate; none is the dense gate."),
        OfExperts("target_modules", List.OrAbsent(), c => c.Experts.TargetModules, (e, v) => e with { TargetModules = v }, "Names of the adapted layers; all dense layers by default.", WithLowRank, "another method than p-tuning"),
        ConfigurationOption.Of("virtual_tokens", Whole, c => c.VirtualTokens, (c, v) => c with { VirtualTokens = v }, "Trained tokens before every prompt.", condition: "method p-tuning", applies: c => c.Method == TrainingMethod.PTuning),
        OfTraining("steps", LongWhole, t => t.Steps, (t, v) => t with { Steps = v }, "Optimizer steps.", mayChange: true),
        OfTraining("batch_size", Whole, t => t.BatchSize, (t, v) => t with { BatchSize = v }, "Samples of a step, over as many passes as they need."),
        OfTraining("pass_rows", Whole, t => t.PassRows, (t, v) => t with { PassRows = v }, "The most tokens of a pass: what memory depends on."),
        OfOptimizer("learning_rate", Number, o => o.LearningRate, (o, v) => o with { LearningRate = v }, "The highest learning rate; it falls to zero over the steps.", mayChange: true),
        OfOptimizer("warmup_steps", Whole, o => o.WarmupSteps, (o, v) => o with { WarmupSteps = v }, "Steps over which the learning rate rises.", mayChange: true),
        OfOptimizer("weight_decay", ShortNumber, o => o.WeightDecay, (o, v) => o with { WeightDecay = v }, "Decoupled decay of matrices."),
        OfOptimizer("clip_norm", Number.OrNone(), o => o.ClipNorm, (o, v) => o with { ClipNorm = v }, "Larger gradients are scaled down to this norm; none never clips.", mayChange: true),
        OfOptimizer("beta1", ShortNumber, o => o.Beta1, (o, v) => o with { Beta1 = v }, "Decay of AdamW's first moment."),
        OfOptimizer("beta2", ShortNumber, o => o.Beta2, (o, v) => o with { Beta2 = v }, "Decay of AdamW's second moment."),
        OfTraining("sampler", Sampler, t => t.Sampler, (t, v) => t with { Sampler = v }, "How steps draw samples: all tasks mixed, one task a step, or tasks by size^(1/temperature)."),
        ConfigurationOption.Of("temperature", Number, c => c.Training.Temperature, (c, v) => c with { Training = c.Training with { Temperature = v } }, "Of the sampler; larger favours small tasks.", condition: "sampler temperature", applies: c => c.Training.Sampler == SamplerKind.Temperature),
        OfTraining("seed", Whole, t => t.Seed, (t, v) => t with { Seed = v }, "Of initial values, draws and dropout."),
        OfTraining("validation_interval", Whole, t => t.ValidationInterval, (t, v) => t with { ValidationInterval = v }, "Steps from one validation to the next; 0 never validates. The best parameters are kept.", mayChange: true),
        OfTraining("patience", Whole, t => t.Patience, (t, v) => t with { Patience = v }, "Validations without a lower loss that end the training; 0 never ends it early.", mayChange: true),
        ConfigurationOption.Of("checkpoint_interval", Whole, c => c.CheckpointInterval, (c, v) => c with { CheckpointInterval = v }, "Steps from one checkpoint to the next; 0 writes one at the end only.", mayChange: true),
        ConfigurationOption.Of("gradient_checkpointing", Switch, c => c.GradientCheckpointing, (c, v) => c with { GradientCheckpointing = v }, "Computes layers a second time instead of keeping them: less memory, more time.", mayChange: true),
        ConfigurationOption.Of("prompt_format", Format, c => c.Format, (c, v) => c with { Format = v }, "What is written around inputs; clients of the trained model must write the same."),
        ConfigurationOption.Of("max_input_tokens", Whole, c => c.MaxInputTokens, (c, v) => c with { MaxInputTokens = v }, "The most tokens of an input."),
        ConfigurationOption.Of("max_target_tokens", Whole, c => c.MaxTargetTokens, (c, v) => c with { MaxTargetTokens = v }, "The most tokens of an answer."),
        ConfigurationOption.Of("over_long", OverLongKind, c => c.OverLong, (c, v) => c with { OverLong = v }, "What becomes of records with more tokens."),
        ConfigurationOption.Of("skip_bad", Switch, c => c.SkipBad, (c, v) => c with { SkipBad = v }, "Leaves bad records out, and says which, instead of refusing the file."),
        ConfigurationOption.Of("weights", WeightFormat.OrNone(), c => c.Weights, (c, v) => c with { Weights = v }, "How the base model's weights are kept; as published by default."),
        ConfigurationOption.Of("device", Text, c => c.Device, (c, v) => c with { Device = v }, "Where it computes: the process's own cores, or another device that this program has.", "NAME", mayChange: true),
        ConfigurationOption.Of("threads", Whole.OrNone(), c => c.Threads, (c, v) => c with { Threads = v }, "Threads that compute; one for each core by default.", mayChange: true),
        ConfigurationOption.Of("task", List.OrAbsent(), c => c.Tasks, (c, v) => c with { Tasks = v }, "Trains on records of these tasks only."),
    ];

    /// <summary>A configuration as the text of a file that reads as the same: every option that means something in it.</summary>
    public static string ToText(TrainingConfiguration configuration) => ToJson(All.Where(option => option.Applies(configuration)), configuration).ToJsonString(Readable) + "\n";

    /// <summary>The options whose values a resumed run must have again, as JSON.</summary>
    internal static JsonObject Fixed(TrainingConfiguration configuration) => ToJson(All.Where(option => option.Applies(configuration) && !option.MayChange), configuration);

    private static JsonObject ToJson(IEnumerable<ConfigurationOption> options, TrainingConfiguration configuration) =>
        new(options.Select(option => KeyValuePair.Create(option.Key, option.Get(configuration))));

    private static bool WithLowRank(TrainingConfiguration configuration) => configuration.Method != TrainingMethod.PTuning;

    private static ConfigurationOption OfExperts<T>(
        string key, ValueKind<T> kind, Func<TrainingConfiguration, T> get, Func<ExpertSettings, T, ExpertSettings> set, string description, Func<TrainingConfiguration, bool> applies, string condition) =>
        ConfigurationOption.Of(key, kind, get, (c, v) => c with { Experts = set(c.Experts, v) }, description, condition: condition, applies: applies);

    private static ConfigurationOption OfMoeLora<T>(string key, ValueKind<T> kind, Func<TrainingConfiguration, T> get, Func<ExpertSettings, T, ExpertSettings> set, string description) =>
        OfExperts(key, kind, get, set, description, c => c.Method == TrainingMethod.MoeLora, "method moelora");

    private static ConfigurationOption OfTraining<T>(
        string key, ValueKind<T> kind, Func<TrainingSettings, T> get, Func<TrainingSettings, T, TrainingSettings> set, string description, bool mayChange = false) =>
        ConfigurationOption.Of(key, kind, c => get(c.Training), (c, v) => c with { Training = set(c.Training, v) }, description, mayChange: mayChange);

    private static ConfigurationOption OfOptimizer<T>(
        string key, ValueKind<T> kind, Func<OptimizerSettings, T> get, Func<OptimizerSettings, T, OptimizerSettings> set, string description, bool mayChange = false) =>
        OfTraining(key, kind, t => get(t.Optimizer), (t, v) => t with { Optimizer = set(t.Optimizer, v) }, description, mayChange);
}
