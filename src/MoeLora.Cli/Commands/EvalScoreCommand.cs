using System.CommandLine;
using MoeLora.Cli.DataSets;
using MoeLora.Cli.Options;
using MoeLora.Cli.Terminals;
using MoeLora.Training.Records;
using MoeLora.Training.Scores;
using MoeLora.Training.Segmentation;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora eval score</c>: scores answers that are in a file.</summary>
internal sealed class EvalScoreCommand : ProgramCommand
{
    private readonly Terminal _terminal;
    private readonly Option<string> _truth = new("--truth") { Description = "Records with the expected answers.", HelpName = "FILE", Required = true };
    private readonly Option<string> _predictions = new("--predictions") { Description = "The same records with a model's answers as targets, in any order.", HelpName = "FILE", Required = true };
    private readonly Option<string?> _jieba = new("--jieba")
    {
        Description = "jieba's dict.txt, to cut texts into words for ROUGE-L; a small built-in dictionary otherwise.",
        HelpName = "DICT",
    };
    private readonly JsonOption _json = new();

    public EvalScoreCommand(Terminal terminal)
        : base("score", "Scores answers that are in a file, as the authors' evaluation does.")
    {
        _terminal = terminal;
        foreach (Option option in (Option[])[_truth, _predictions, _jieba, _json])
            Add(option);
    }

    public override IReadOnlyList<string> Examples =>
    [
        "moelora eval score --truth tests/data/promptcblue-synthetic/truth.jsonl --predictions tests/data/promptcblue-synthetic/predictions.jsonl",
        "moelora eval score --truth test.jsonl --predictions answers.jsonl --jieba dict.txt --json",
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var progress = new ProgressSource();
        Task<ScoreReport> work = Task.Run(() => Score(parsed, progress), cancellation);
        await progress.WatchAsync(_terminal, work);
        ScoreReport report = await work;
        if (parsed.GetValue(_json))
            _terminal.WriteJson(report);
        else
            report.Print(_terminal);
        return ExitCode.Ok;
    }

    private ScoreReport Score(ParseResult parsed, ProgressSource progress)
    {
        progress.Begin("Reading");
        IWordSegmenter segmenter = parsed.GetValue(_jieba) is { } path ? new JiebaDictionarySegmenter(path) : new BuiltInSegmenter();
        var problems = new RecordProblems();
        PromptRecord[] truth = [.. RecordFile.Read(parsed.GetRequiredValue(_truth), new RecordOptions(), problems)];
        PromptRecord[] predictions = [.. RecordFile.Read(parsed.GetRequiredValue(_predictions), new RecordOptions { RequiresTargets = false }, problems)];
        problems.ThrowIfAny();
        progress.Begin("Scoring");
        return Evaluation.Score(truth, predictions, segmenter);
    }
}
