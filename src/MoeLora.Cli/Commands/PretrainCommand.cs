using System.CommandLine;
using System.Globalization;
using MoeLora.Cli.Options;
using MoeLora.Cli.Running;
using MoeLora.Cli.Terminals;
using MoeLora.Models.Tokenizers;
using MoeLora.Training.Batches;
using MoeLora.Training.Networks;
using MoeLora.Training.Optimization;
using MoeLora.Training.Pretraining;
using MoeLora.Training.Reports.Curves;
using MoeLora.Training.Runs;
using MoeLora.Training.Synthesis.Corpora;
using MoeLora.Training.Tokenization;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora pretrain</c>: a small base model from scratch, its tokenizer included.</summary>
internal sealed class PretrainCommand : ProgramCommand
{
    private static readonly BaseModelShape Shape = new();

    private readonly Terminal _terminal;
    private readonly Option<string> _corpus = new("--corpus") { Description = "JSON lines with a \"text\" each, as data synth writes them.", HelpName = "FILE", Required = true };
    private readonly Option<string> _out = new("--out") { Description = "A new directory for config.json, tokenizer.json and model.safetensors.", HelpName = "DIR", Required = true };
    private readonly NumberOption _vocabulary = new("--vocabulary", "Tokens, special ones included.", 258, 200_000, Shape.Vocabulary);
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
    private readonly NumberOption _warmup = new("--warmup-steps", "Steps of linear warm-up.", 0, int.MaxValue, 100);
    private readonly DecimalOption _decay = new("--weight-decay", "Decoupled weight decay of matrices.", 0, 1, 0.05);
    private readonly NumberOption _seed = new("--seed", "Of weights and draws.", 0, int.MaxValue, 42);
    private readonly NumberOption _threads = ModelOptions.Threads();
    private readonly JsonOption _json = new();

    public PretrainCommand(Terminal terminal)
        : base("pretrain", "Trains a small base model from scratch on a corpus: first its tokenizer, then all its weights.")
    {
        _terminal = terminal;
        foreach (Option option in (Option[])
            [_corpus, _out, _vocabulary, _tokenBytes, _hidden, _layers, _heads, _kvHeads, _intermediate, _positions, _steps, _batch, _passRows, _rate, _warmup, _decay, _seed, _threads, _json])
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
        if (Directory.Exists(directory) && Directory.EnumerateFileSystemEntries(directory).Any())
            throw new CommandException($"--out: {directory} is not empty; name a new directory.");
        PretrainReport report = await DeviceWork.RunAsync(_terminal, parsed.GetValue(_threads) is > 0 and int threads ? threads : null, (device, progress) =>
        {
            string[] texts = [.. CorpusFile.Read(parsed.GetRequiredValue(_corpus))];
            Directory.CreateDirectory(directory);
            progress.Begin("Training the tokenizer");
            (ITokenizer tokenizer, int end) = Pretrainer.TrainTokenizer(
                texts, new BytePairOptions { VocabularySize = parsed.GetValue(_vocabulary), MaxTokenBytes = parsed.GetValue(_tokenBytes) }, directory);
            IReadOnlyList<TrainingSample> samples = Pretrainer.Encode(texts, tokenizer, end, parsed.GetValue(_positions));
            TrainingSettings settings = Settings(parsed);
            (Network network, TrainingRun run) = Pretrainer.Begin(ShapeOf(parsed), tokenizer.VocabularySize, end, device, samples, [], settings);
            using (network)
            using (run)
            {
                progress.Begin("Pre-training");
                var meter = new RunMeter(run, progress);
                run.Complete(meter.Add, cancellation);
                progress.End();
                BaseModelFiles.Write(directory, network);
                return new PretrainReport(directory, network.ParameterCount, tokenizer.VocabularySize, run.Step, meter.State.SmoothedLoss!.Value, meter.Tokens, meter.StepTime.TotalSeconds, meter.TokensPerSecond!.Value);
            }
        });
        if (parsed.GetValue(_json))
            _terminal.WriteJson(report);
        else
            report.Print(_terminal);
        return ExitCode.Ok;
    }

    private BaseModelShape ShapeOf(ParseResult parsed) => new()
    {
        Vocabulary = parsed.GetValue(_vocabulary),
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
            WarmupSteps = Math.Min(parsed.GetValue(_warmup), parsed.GetValue(_steps)),
            WeightDecay = (float)parsed.GetValue(_decay),
            Beta2 = 0.95f,
        },
    };

    private sealed record PretrainReport(string Out, long Parameters, int Vocabulary, long Steps, double Loss, long Tokens, double Seconds, double TokensPerSecond)
    {
        public void Print(Terminal terminal)
        {
            FormattableString line = $"{Out}: {Parameters:N0} parameters, {Vocabulary} tokens; {Steps} steps over {Tokens:N0} tokens in {Seconds:0} s ({TokensPerSecond:N0} tokens/s), loss {Loss:0.000}.";
            terminal.Out.WriteLine(line.ToString(CultureInfo.InvariantCulture));
        }
    }
}
