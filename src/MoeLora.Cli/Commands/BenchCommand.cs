using System.CommandLine;
using MoeLora.Cli.Benchmarks;
using MoeLora.Cli.Options;
using MoeLora.Cli.Running;
using MoeLora.Cli.Terminals;
using MoeLora.Contracts;
using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Tensors;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora bench</c>: speed and memory of real shapes with random weights, and the speed of training.</summary>
internal sealed class BenchCommand : ProgramCommand
{
    private const string CompareAdapter = "adapter";
    private const string CompareBatch = "batch";
    private const string ServeOne = "one";
    private const string ServeMerged = "merged";
    private const int LargestBatch = 64; // of a suite

    private readonly Terminal _terminal;
    private readonly ChoiceOption<string?> _shape = new("--shape", "The model's shape.", [.. ModelShapes.Names.Select(name => (name, (string?)name))]) { Required = true };
    private readonly ChoiceOption<DType?> _weights = ModelOptions.Weights("How weights are kept; q8 by default, f32 with --train.");
    private readonly DeviceOption _device = new();
    private readonly NumberOption _threads = ModelOptions.Threads();
    private readonly NumberOption _prompt = new("--prompt", "Tokens of every prompt.", 2, 32_768, 512);
    private readonly NumberOption _generate = new("--generate", "Decode steps of a round.", 1, 32_768, 32);
    private readonly ChoiceOption<ServingMode?> _adapter = new(
        "--adapter",
        "How a random adapter of all dense layers is served; none by default.",
        ("none", ServingMode.Base),
        ("merged", ServingMode.Merged),
        ("shared", ServingMode.Shared));
    private readonly NumberOption _tasks = new("--tasks", "Tasks of the adapter; sequence i of a batch is of task i mod this.", 1, 4096, 8);
    private readonly NumberOption _rank = new("--rank", "Rank over all experts.", 1, 1024, 16);
    private readonly NumberOption _experts = new("--experts", "Experts, which divide the rank.", 1, 1024, 8);
    private readonly NumberOption _batch = new("--batch", "Sequences decoded together.", 1, 1024, 1);
    private readonly NumberOption _repeats = new("--repeats", "Rounds that count, after one that warms up.", 1, 1000, 5);
    private readonly ChoiceOption<string?> _compare = new(
        "--compare",
        "Measure two configurations in turns and print their ratio. adapter: none and --adapter (shared by default). batch: one sequence and --batch.",
        (CompareAdapter, CompareAdapter),
        (CompareBatch, CompareBatch));
    private readonly ChoiceOption<string?> _serve = new(
        "--serve",
        "Measure the serving engine in turns: --batch requests of all tasks at once in shared form, against the same. one: one request at a time. merged: all at once with merged weights.",
        (ServeOne, ServeOne),
        (ServeMerged, ServeMerged));
    private readonly Option<bool> _suite = new("--suite")
    {
        Description = "Measure everything of the shape with one set of weights (bf16 by default): prefill, decoding of 1, 8 and up to --batch (64 by default) sequences, mixed tasks, recovery, an upgrade under load, a step of training.",
    };
    private readonly Option<bool> _train = new("--train") { Description = "Measure the matrix products of training: every dense layer's forward pass and its two gradients." };
    private readonly Option<bool> _step = new("--train-step") { Description = "Measure whole passes of training: forward, and with an adapter's gradients." };
    private readonly NumberOption _rows = new("--rows", "With --train, --train-step and --suite: tokens of a batch.", 1, 65_536, 512);
    private readonly NumberOption _vocabulary = new("--vocabulary", "Another size of the vocabulary than the shape's.", 100, 1_000_000);
    private readonly JsonOption _json = new();

    public BenchCommand(Terminal terminal)
        : base("bench", "Measures speed and memory: random weights, real shapes.")
    {
        _terminal = terminal;
        foreach (Option option in (Option[])[_shape, _weights, _device, _threads, _prompt, _generate, _adapter, _tasks, _rank, _experts, _batch, _repeats, _compare, _serve, _suite, _train, _step, _rows, _vocabulary, _json])
            Add(option);
    }

    public override IReadOnlyList<string> Examples =>
    [
        "moelora bench --shape qwen2-0.5b --weights q8 --threads 2 --prompt 512 --generate 32",
        "moelora bench --shape qwen2-0.5b --weights bf16 --adapter merged --tasks 1 --json",
        "moelora bench --shape qwen2-0.5b --weights q8 --compare adapter --rank 16",
        "moelora bench --shape qwen2-0.5b --weights q8 --compare batch --adapter shared --tasks 8 --batch 8 --prompt 32",
        "moelora bench --shape qwen2-0.5b --weights bf16 --serve one --tasks 8 --batch 32 --prompt 32 --generate 64",
        "moelora bench --shape qwen2-0.5b --train --rows 512 --threads 2",
        "moelora bench --shape qwen2-0.5b --train-step --rows 512 --vocabulary 32000",
        "moelora bench --shape tinyllama-1.1b --suite --prompt 1024 --batch 64 --repeats 3",
    ];

    protected override IEnumerable<string> FindProblems(ParseResult parsed)
    {
        if (parsed.GetValue(_train) || parsed.GetValue(_step))
        {
            Option[] others = [_prompt, _generate, _adapter, _tasks, _batch, _compare, _serve, _suite, .. parsed.GetValue(_train) ? (Option[])[_rank, _experts, _step] : []];
            foreach (Option option in others.Where(option => IsGiven(parsed, option)))
                yield return $"{(parsed.GetValue(_train) ? "--train measures dense layers alone" : "--train-step measures passes of training")}; it takes no {option.Name}.";
            yield break;
        }

        if (IsGiven(parsed, _rows) && !parsed.GetValue(_suite))
            yield return "--rows is for --train, --train-step and --suite; a prompt's length is --prompt.";
        int rank = parsed.GetValue(_rank), experts = parsed.GetValue(_experts), batch = parsed.GetValue(_batch);
        int length = parsed.GetValue(_prompt) + parsed.GetValue(_generate);
        ModelConfig config = ModelShapes.Get(parsed.GetValue(_shape)!);
        ServingMode? form = parsed.GetValue(_adapter);
        foreach (Option option in parsed.GetValue(_suite) ? ((Option[])[_adapter, _compare, _serve]).Where(option => IsGiven(parsed, option)) : [])
            yield return $"--suite measures every form; it takes no {option.Name}.";
        if (IsGiven(parsed, _serve) && batch == 1)
            yield return "--serve measures several requests at once; give --batch 2 or more.";
        foreach (Option option in IsGiven(parsed, _serve) ? ((Option[])[_adapter, _compare]).Where(option => IsGiven(parsed, option)) : [])
            yield return $"--serve measures the shared form against another; it takes no {option.Name}.";
        if (rank % experts != 0)
            yield return $"--rank {rank} is not a multiple of --experts {experts}.";
        if (length > config.MaxPositions)
            yield return $"--prompt and --generate make {length} positions; the shape has {config.MaxPositions}.";
        if (parsed.GetValue(_compare) == CompareAdapter && form == ServingMode.Base)
            yield return "--compare adapter compares no adapter with one; give --adapter merged or shared.";
        if (parsed.GetValue(_compare) == CompareBatch && batch == 1)
            yield return "--compare batch compares one sequence with several; give --batch 2 or more.";
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        string? compare = parsed.GetValue(_compare), serve = parsed.GetValue(_serve);
        string shape = parsed.GetRequiredValue(_shape)!;
        ModelConfig config = ModelShapes.Get(shape, IsGiven(parsed, _vocabulary) ? parsed.GetValue(_vocabulary) : null);
        int? threads = parsed.GetValue(_threads) is > 0 and int given ? given : null;
        string device = parsed.GetRequiredValue(_device);
        bool json = parsed.GetValue(_json);
        if (parsed.GetValue(_train))
        {
            var dense = new DenseSettings
            {
                Shape = shape,
                Config = config,
                Weights = parsed.GetValue(_weights) ?? DType.F32,
                Rows = parsed.GetValue(_rows),
                Repeats = parsed.GetValue(_repeats),
            };
            DenseReport speeds = await DeviceWork.RunAsync(_terminal, device, threads, (opened, progress) => new DenseRunner(dense, opened, progress, cancellation).Run());
            Show(json, speeds, speeds.Print);
            return ExitCode.Ok;
        }

        if (parsed.GetValue(_step))
        {
            var step = new StepSettings(
                shape, config, parsed.GetValue(_weights) ?? DType.F32, parsed.GetValue(_rows), parsed.GetValue(_rank), parsed.GetValue(_experts), parsed.GetValue(_repeats));
            StepReport passes = await DeviceWork.RunAsync(_terminal, device, threads, (opened, progress) => new StepRunner(step, opened, progress, cancellation).Run());
            Show(json, passes, passes.Print);
            return ExitCode.Ok;
        }

        var settings = new BenchSettings
        {
            Shape = shape,
            Config = config,
            Weights = parsed.GetValue(_weights) ?? DType.Q8,
            Prompt = parsed.GetValue(_prompt),
            Generate = parsed.GetValue(_generate),
            Form = parsed.GetValue(_adapter) ?? (compare == CompareAdapter || serve is not null ? ServingMode.Shared : ServingMode.Base),
            Tasks = parsed.GetValue(_tasks),
            Rank = parsed.GetValue(_rank),
            Experts = parsed.GetValue(_experts),
            Batch = parsed.GetValue(_batch),
            Repeats = parsed.GetValue(_repeats),
        };
        if (parsed.GetValue(_suite))
        {
            BenchSettings all = settings with
            {
                Config = config with { EndTokenIds = [] }, // answers are as long as they are asked to be
                Weights = parsed.GetValue(_weights) ?? DType.BF16,
                Form = ServingMode.Shared,
                Batch = IsGiven(parsed, _batch) ? settings.Batch : LargestBatch,
            };
            SuiteReport report = await DeviceWork.RunAsync(_terminal, device, threads, (opened, progress) => new SuiteRunner(all, parsed.GetValue(_rows), opened, progress, cancellation).Run());
            Show(json, report, report.Print);
        }
        else if (serve is not null)
        {
            ServeReport report = await DeviceWork.RunAsync(_terminal, device, threads, (opened, progress) =>
            {
                var runner = new ServeRunner(settings, opened, progress, cancellation);
                return serve == ServeOne ? runner.CompareOne() : runner.CompareMerged();
            });
            Show(json, report, report.Print);
        }
        else if (compare is null)
        {
            BenchReport report = await DeviceWork.RunAsync(_terminal, device, threads, (opened, progress) => new BenchRunner(settings, opened, progress, cancellation).Run());
            Show(json, report, report.Print);
        }
        else
        {
            TurnsReport report = await DeviceWork.RunAsync(_terminal, device, threads, (opened, progress) =>
            {
                var runner = new BenchRunner(settings, opened, progress, cancellation);
                return compare == CompareAdapter ? runner.CompareAdapter() : runner.CompareBatch();
            });
            Show(json, report, report.Print);
        }

        return ExitCode.Ok;
    }

    private static bool IsGiven(ParseResult parsed, Option option) => parsed.GetResult(option) is { Implicit: false };

    private void Show<T>(bool json, T report, Action<Terminal> print)
    {
        if (json)
            _terminal.WriteJson(report);
        else
            print(_terminal);
    }
}
