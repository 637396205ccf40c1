using System.CommandLine;
using MoeLora.Cli.Answers;
using MoeLora.Cli.Options;
using MoeLora.Cli.Running;
using MoeLora.Cli.Terminals;
using MoeLora.Contracts;
using MoeLora.Models.Prompts;
using MoeLora.Tensors;
using MoeLora.Training.Methods;
using MoeLora.Training.Records;
using MoeLora.Training.Scores;
using MoeLora.Training.Segmentation;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora eval</c>: answers a test set and scores the answers.</summary>
internal sealed class EvalCommand : ProgramCommand
{
    private enum EvaluationMode
    {
        Shared,
        Merged,
        Both,
    }

    private readonly Terminal _terminal;
    private readonly Option<string> _model = new("--model") { Description = "Directory of the base model.", HelpName = "DIR", Required = true };
    private readonly Option<string?> _adapter = new("--adapter") { Description = "Directory of an adapter or bundle, answered with as it is served. Without it and --run the base model answers.", HelpName = "DIR" };
    private readonly Option<string?> _run = new("--run") { Description = "Output of moelora train, of any method.", HelpName = "DIR" };
    private readonly TaskNamesOption _taskNames = new();
    private readonly ChoiceOption<EvaluationMode?> _mode = new(
        "--mode", "How an adapter is served (shared by default); both compares all answers, and exits 1 when any differ.", ("shared", EvaluationMode.Shared), ("merged", EvaluationMode.Merged), ("both", EvaluationMode.Both));
    private readonly Option<string> _test = new("--test") { Description = "Records with the expected answers.", HelpName = "FILE", Required = true };
    private readonly Option<string?> _tasks = new("--task") { Description = "Only records of these tasks.", HelpName = "A,B" };
    private readonly NumberOption _limit = new("--limit", "Only the first records of each task.", 1, int.MaxValue);
    private readonly NumberOption _maxNewTokens = new("--max-new-tokens", "Most tokens of an answer.", 1, 1_000_000, 196);
    private readonly ChoiceOption<PromptFormat> _format = new("--prompt-format", "What is written around inputs; plain by default. A run has its own.", [.. PromptFormats.ByName.Select(format => (format.Key, format.Value))]);
    private readonly NumberOption _demonstrations = new("--demonstrations", "Answered records of the same task before each input of the base model; from --train.", 1, 1000);
    private readonly Option<string?> _train = new("--train") { Description = "Records that demonstrations are drawn from.", HelpName = "FILE" };
    private readonly NumberOption _seed = new("--seed", "Of the draw of demonstrations.", 0, int.MaxValue, 42);
    private readonly Option<string?> _out = new("--out") { Description = "Keeps the answers here, as records whose targets they are.", HelpName = "FILE" };
    private readonly Option<string?> _jieba = new("--jieba") { Description = "jieba's dict.txt, to cut texts into words for ROUGE-L; a small built-in dictionary otherwise.", HelpName = "DICT" };
    private readonly Option<bool> _skipBad = new("--skip-bad") { Description = "Leaves bad and over-long records out, and says which, instead of refusing the file." };
    private readonly ChoiceOption<DType?> _weights = ModelOptions.Weights("How weights are kept; as published by default, or as in the run.");
    private readonly DeviceOption _device = new();
    private readonly NumberOption _threads = ModelOptions.Threads();
    private readonly JsonOption _json = new();

    public EvalCommand(Terminal terminal)
        : base("eval", "Answers a test set of PromptCBLUE's tasks greedily, and scores the answers.")
    {
        _terminal = terminal;
        Add(new EvalScoreCommand(terminal));
        foreach (Option option in (Option[])
            [_model, _adapter, _run, _taskNames, _mode, _test, _tasks, _limit, _maxNewTokens, _format, _demonstrations, _train, _seed, _out, _jieba, _skipBad, _weights, _device, _threads, _json])
        {
            Add(option);
        }
    }

    public override IReadOnlyList<string> Examples =>
    [
        "moelora eval --model DIR --adapter runs/first/adapter --test test.jsonl --mode both --out answers.jsonl",
        "moelora eval --model DIR --run runs/p-tuning --test test.jsonl --task CMeIE,CHIP-CDN --limit 50 --json",
        "moelora eval --model DIR --test test.jsonl --demonstrations 2 --train train.jsonl",
    ];

    protected override IEnumerable<string> FindProblems(ParseResult parsed)
    {
        bool hasAdapter = parsed.GetValue(_adapter) is not null, hasRun = parsed.GetValue(_run) is not null, demonstrates = IsGiven(_demonstrations);
        if (hasAdapter && hasRun)
            yield return "give either --adapter or --run.";
        foreach (Option option in (Option[])[_taskNames, _mode])
        {
            if (IsGiven(option) && !hasAdapter)
                yield return $"{option.Name} is for --adapter.";
        }

        if (IsGiven(_format) && hasRun)
            yield return "--prompt-format is what the run was configured with; leave it out.";
        if (demonstrates && (hasAdapter || hasRun))
            yield return "--demonstrations are for the base model alone; leave out --adapter and --run.";
        if (demonstrates != IsGiven(_train))
            yield return "--demonstrations and --train go together.";
        if (IsGiven(_seed) && !demonstrates)
            yield return "--seed is for --demonstrations.";
        foreach (string task in Tasks(parsed).Where(task => PromptTasks.Find(task) is null))
            yield return $"--task: '{task}' is none of {string.Join(", ", PromptTasks.All.Select(known => known.Name))}.";

        bool IsGiven(Option option) => parsed.GetResult(option) is { Implicit: false };
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        IWordSegmenter segmenter = parsed.GetValue(_jieba) is { } dictionary ? new JiebaDictionarySegmenter(dictionary) : new BuiltInSegmenter();
        TestSet test = TestSet.Read(parsed.GetRequiredValue(_test), Tasks(parsed), parsed.GetValue(_limit) is > 0 and int limit ? limit : null, parsed.GetValue(_skipBad));
        int? threads = parsed.GetValue(_threads) is > 0 and int some ? some : null;
        int maxNewTokens = parsed.GetValue(_maxNewTokens);
        GivenAnswers answers;
        GivenAnswers? others = null;
        string mode = "run";
        if (parsed.GetValue(_run) is { } run)
        {
            var source = new RunAnswers(parsed.GetRequiredValue(_model), run, parsed.GetValue(_weights));
            answers = await DeviceWork.RunAsync(_terminal, parsed.GetRequiredValue(_device), threads, (device, progress) => source.Answer(test, maxNewTokens, device, progress, cancellation));
        }
        else
        {
            EvaluationMode? asked = parsed.GetValue(_mode);
            string? adapter = parsed.GetValue(_adapter);
            mode = adapter is null ? "base" : (asked ?? EvaluationMode.Shared).ToString().ToLowerInvariant();
            Demonstrations? demonstrations = parsed.GetValue(_train) is { } train
                ? new Demonstrations(RecordFile.ReadAll(train), parsed.GetValue(_demonstrations), parsed.GetValue(_seed))
                : null;
            var grid = new GridAnswers(_terminal, parsed.GetValue(_format), demonstrations);
            ServingMode first = adapter is null ? ServingMode.Base : asked == EvaluationMode.Merged ? ServingMode.Merged : ServingMode.Shared;
            var source = new ModelSource(parsed.GetRequiredValue(_model), adapter, parsed.GetValue(_taskNames), first, parsed.GetValue(_weights), threads) { Device = parsed.GetRequiredValue(_device) };
            answers = await grid.AnswerAsync(source, test, maxNewTokens, cancellation);
            if (asked == EvaluationMode.Both)
                others = await grid.AnswerAsync(source with { Mode = ServingMode.Merged }, test, maxNewTokens, cancellation);
        }

        if (test.LeftOut.Count > 0)
            _terminal.Error.WriteLine($"{test.LeftOut}\nThese are left out.");
        string? file = parsed.GetValue(_out);
        PromptRecord[] predictions = [.. answers.Items.Select(answer => answer.ToPrediction())];
        if (file is not null)
            RecordFile.Write(file, predictions);
        ScoreReport scores = Evaluation.Score(test.Records, predictions, segmenter);
        var report = new AnswerSetReport
        {
            Scores = scores.Scores,
            Average = scores.Average,
            Mode = mode,
            Records = test.Records.Count,
            SkippedLines = test.SkippedLines,
            CutAnswers = answers.Items.Count(answer => !answer.IsWhole),
            Tokens = answers.Items.Sum(answer => (long)answer.TokenIds.Count),
            Seconds = answers.Time.TotalSeconds,
            DifferentAnswers = others?.CountDifferent(answers),
            Predictions = file,
        };
        if (parsed.GetValue(_json))
            _terminal.WriteJson(report);
        else
            report.Print(_terminal);
        return report.DifferentAnswers > 0 ? ExitCode.Failed : ExitCode.Ok;
    }

    private string[] Tasks(ParseResult parsed) => parsed.GetValue(_tasks)?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];
}
