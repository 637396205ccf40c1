using System.CommandLine;
using MoeLora.Cli.Options;
using MoeLora.Cli.Pretraining;
using MoeLora.Cli.Running;
using MoeLora.Cli.Terminals;
using MoeLora.Training.Optimization;
using MoeLora.Training.Pretraining;
using MoeLora.Training.Runs;
using MoeLora.Training.Tokenization;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora pretrain</c>: a small base model from scratch, its tokenizer included.</summary>
internal sealed class PretrainCommand : ProgramCommand
{
    private static readonly BaseModelShape Shape = new();

    private readonly Terminal _terminal;
    private readonly Option<string> _corpus = new("--corpus") { Description = "JSON lines with a \"text\" each, as data synth writes them.", HelpName = "FILE", Required = true };
    private readonly Option<string> _out = new("--out") { Description = "A new directory for config.json, tokenizer.json and model.safetensors; it appears when the model is complete.", HelpName = "DIR", Required = true };
    private readonly NumberOption _vocabulary = new("--vocabulary", "Tokens, special ones included.", 258, 200_000, 2048);
    private readonly NumberOption _tokenBytes = new("--max-token-bytes", "The most bytes of a token; a Chinese character has three.", 2, 1000, 48);
    private readonly NumberOption _hidden = new("--hidden", "Width of the residual stream.", 2, 16_384, Shape.Hidden);
    private readonly NumberOption _layers = new("--layers", "Layers.", 1, 200, Shape.Layers);
    private readonly NumberOption _heads = new("--heads", "Query heads.", 1, 256, Shape.Heads);
    private readonly NumberOption _kvHeads = new("--kv-heads", "Key/value heads.", 1, 256, Shape.KeyValueHeads);
    private readonly NumberOption _intermediate = new("--intermediate", "Width of the feed-forward part.", 1, 65_536, Shape.Intermediate);
    private readonly NumberOption _positions = new("--max-positions", "Longest sequence.", 8, 131_072, Shape.MaxPositions);
    private readonly NumberOption _steps = new("--steps", "Optimizer steps.", 1, int.MaxValue, 2000);
    private readonly NumberOption _batch = new("--batch-size", "Texts of a step.", 1, 100_000, 64);
    private readonly NumberOption _passRows = new("--pass-rows", "Tokens of one pass at most.", 16, 1_000_000, 2048);
    private readonly DecimalOption _rate = new("--learning-rate", "The highest learning rate.", 1e-8, 1, 2e-3);
    private readonly NumberOption _warmup = new("--warmup-steps", "Steps of linear warm-up; 100 by default, or all steps where there are fewer.", 0, int.MaxValue);
    private readonly DecimalOption _decay = new("--weight-decay", "Decoupled weight decay of matrices.", 0, 1, 0.05);
    private readonly NumberOption _seed = new("--seed", "Of weights and draws.", 0, int.MaxValue, 42);
    private readonly DeviceOption _device = new();
    private readonly NumberOption _threads = ModelOptions.Threads();
    private readonly JsonOption _json = new();

    public PretrainCommand(Terminal terminal)
        : base("pretrain", "Trains a small base model from scratch on a corpus: first its tokenizer, then all its weights. Goes on where it was stopped when it is run again.")
    {
        _terminal = terminal;
        foreach (Option option in (Option[])
            [_corpus, _out, _vocabulary, _tokenBytes, _hidden, _layers, _heads, _kvHeads, _intermediate, _positions, _steps, _batch, _passRows, _rate, _warmup, _decay, _seed, _device, _threads, _json])
        {
            Add(option);
        }
    }

    public override IReadOnlyList<string> Examples =>
    [
        "moelora pretrain --corpus data/corpus.jsonl --out base",
        "moelora pretrain --corpus data/corpus.jsonl --out base --hidden 256 --layers 8 --heads 8 --steps 5000 --json",
    ];

    protected override IEnumerable<string> FindProblems(ParseResult parsed) => [.. ShapeOf(parsed).FindProblems(), .. Settings(parsed).FindProblems()];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        string directory = parsed.GetRequiredValue(_out);
        if (File.Exists(directory) || (Directory.Exists(directory) && Directory.EnumerateFileSystemEntries(directory).Any()))
            throw new CommandException($"--out: {directory} is there already and not empty; name a new directory.");
        var request = new PretrainRequest
        {
            Corpus = parsed.GetRequiredValue(_corpus),
            Out = directory,
            Tokenizer = new BytePairOptions { VocabularySize = parsed.GetValue(_vocabulary), MaxTokenBytes = parsed.GetValue(_tokenBytes) },
            Shape = ShapeOf(parsed),
            Training = Settings(parsed),
        };
        var job = new PretrainJob(request, _terminal);
        int? threads = parsed.GetValue(_threads) is > 0 and int given ? given : null;
        PretrainReport report = await DeviceWork.RunAsync(_terminal, parsed.GetRequiredValue(_device), threads, (device, progress) => job.Run(device, progress, cancellation));
        if (parsed.GetValue(_json))
            _terminal.WriteJson(report);
        else
            report.Print(_terminal);
        return ExitCode.Ok;
    }

    private BaseModelShape ShapeOf(ParseResult parsed) => new()
    {
        Hidden = parsed.GetValue(_hidden),
        Layers = parsed.GetValue(_layers),
        Heads = parsed.GetValue(_heads),
        KeyValueHeads = parsed.GetValue(_kvHeads),
        Intermediate = parsed.GetValue(_intermediate),
        MaxPositions = parsed.GetValue(_positions),
    };

    private TrainingSettings Settings(ParseResult parsed) => new()
    {
        Steps = parsed.GetValue(_steps),
        BatchSize = parsed.GetValue(_batch),
        PassRows = parsed.GetValue(_passRows),
        Seed = parsed.GetValue(_seed),
        Optimizer = new OptimizerSettings
        {
            LearningRate = parsed.GetValue(_rate),
            WarmupSteps = parsed.GetResult(_warmup) is null ? Math.Min(100, parsed.GetValue(_steps)) : parsed.GetValue(_warmup),
            WeightDecay = (float)parsed.GetValue(_decay),
            Beta2 = 0.95f,
        },
    };
}
