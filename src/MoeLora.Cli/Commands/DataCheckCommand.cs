using System.CommandLine;
using MoeLora.Cli.DataSets;
using MoeLora.Cli.Options;
using MoeLora.Cli.Terminals;
using MoeLora.Models.Tokenizers;
using MoeLora.Training.Records;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora data check</c>: everything that is wrong with files of records.</summary>
internal sealed class DataCheckCommand : ProgramCommand
{
    private readonly Terminal _terminal;
    private readonly Argument<string[]> _files = new("FILE")
    {
        Description = "Files of records, one JSON object a line.",
        Arity = ArgumentArity.OneOrMore,
    };
    private readonly Option<string?> _model = new("--model") { Description = "A model whose tokenizer counts tokens; without one lengths are in characters and have no limits.", HelpName = "DIR" };
    private readonly NumberOption _maxInput = new("--max-input-tokens", "The most tokens of a prompt.", 1, 1_000_000, 1024);
    private readonly NumberOption _maxTarget = new("--max-target-tokens", "The most tokens of an answer.", 1, 1_000_000, 196);
    private readonly Option<bool> _noTargets = new("--no-targets") { Description = "Answers may be empty, as in a test set without them." };
    private readonly JsonOption _json = new();

    public DataCheckCommand(Terminal terminal)
        : base("check", "Reports everything that is wrong with files of records, and what they hold; exits 1 when anything is.")
    {
        _terminal = terminal;
        Add(_files);
        foreach (Option option in (Option[])[_model, _maxInput, _maxTarget, _noTargets, _json])
            Add(option);
    }

    public override IReadOnlyList<string> Examples =>
    [
        "moelora data check tests/data/promptcblue-synthetic/truth.jsonl",
        "moelora data check train.jsonl dev.jsonl --model tests/data/qwen2-tiny --max-input-tokens 512 --json",
    ];

    protected override IEnumerable<string> FindProblems(ParseResult parsed)
    {
        if (parsed.GetValue(_model) is not null)
            yield break;
        foreach (NumberOption limit in (NumberOption[])[_maxInput, _maxTarget])
        {
            if (parsed.GetResult(limit) is { Implicit: false })
                yield return $"{limit.Name} needs a tokenizer; say whose with --model DIR.";
        }
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var progress = new ProgressSource();
        Task<RecordCheck> work = Task.Run(() => Check(parsed, progress, cancellation), cancellation);
        await progress.WatchAsync(_terminal, work);
        RecordCheck check = await work;
        if (parsed.GetValue(_json))
            _terminal.WriteJson(check);
        else
            check.Print(_terminal);
        return check.Ok ? ExitCode.Ok : ExitCode.Failed;
    }

    private RecordCheck Check(ParseResult parsed, ProgressSource progress, CancellationToken cancellation)
    {
        ITokenizer? tokenizer = parsed.GetValue(_model) is { } model ? TokenizerReader.Read(model).Require() : null;
        var options = new RecordOptions
        {
            RequiresTargets = !parsed.GetValue(_noTargets),
            Limits = tokenizer is null ? null : new TokenLimits(tokenizer, parsed.GetValue(_maxInput), parsed.GetValue(_maxTarget)),
        };
        var problems = new RecordProblems();
        var summary = new RecordSummary(tokenizer);
        string[] files = parsed.GetRequiredValue(_files);
        foreach (string file in files)
        {
            progress.Begin($"Reading {file}");
            foreach (PromptRecord record in RecordFile.Read(file, options, problems))
            {
                cancellation.ThrowIfCancellationRequested();
                summary.Add(record);
            }
        }

        progress.End();
        return new RecordCheck(files, summary, problems);
    }
}
