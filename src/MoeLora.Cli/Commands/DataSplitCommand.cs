using System.CommandLine;
using MoeLora.Cli.DataSets;
using MoeLora.Cli.Options;
using MoeLora.Cli.Terminals;
using MoeLora.Training.Records;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora data split</c>: a validation set from a training set.</summary>
internal sealed class DataSplitCommand : ProgramCommand
{
    private readonly Terminal _terminal;
    private readonly Option<string> _train = new("--train") { Description = "The records to split.", HelpName = "FILE", Required = true };
    private readonly Option<string> _test = new("--test") { Description = "The test set: says how many records of each task are drawn, and which may not be used.", HelpName = "FILE", Required = true };
    private readonly Option<string> _out = new("--out") { Description = "Where train.jsonl and dev.jsonl are written; they may not be there.", HelpName = "DIR", Required = true };
    private readonly NumberOption _seed = new("--seed", "Another seed draws other records.", 0, int.MaxValue, 0);
    private readonly Option<bool> _skipBad = new("--skip-bad") { Description = "Leave out lines with problems, and count them, instead of refusing the files." };
    private readonly JsonOption _json = new();

    public DataSplitCommand(Terminal terminal)
        : base("split", "Splits a validation set of the test set's size off a training set, without repeated records and those of the test set.")
    {
        _terminal = terminal;
        foreach (Option option in (Option[])[_train, _test, _out, _seed, _skipBad, _json])
            Add(option);
    }

    public override IReadOnlyList<string> Examples =>
    [
        "moelora data split --train train.json --test test.json --out data",
        "moelora data split --train train.json --test test.json --out data --seed 7 --skip-bad --json",
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var progress = new ProgressSource();
        Task<SplitReport> work = Task.Run(() => Split(parsed, progress), cancellation);
        await progress.WatchAsync(_terminal, work);
        SplitReport report = await work;
        if (parsed.GetValue(_json))
            _terminal.WriteJson(report);
        else
            report.Print(_terminal);
        return ExitCode.Ok;
    }

    private SplitReport Split(ParseResult parsed, ProgressSource progress)
    {
        string directory = parsed.GetRequiredValue(_out);
        progress.Begin("Reading");
        RecordSplit split = RecordSplit.Plan(parsed.GetRequiredValue(_train), parsed.GetRequiredValue(_test), parsed.GetValue(_seed), parsed.GetValue(_skipBad));
        progress.Begin("Writing");
        split.Write(directory);
        return new SplitReport(directory, parsed.GetValue(_seed), split);
    }
}
