using System.CommandLine;
using System.Globalization;
using MoeLora.Cli.Options;
using MoeLora.Cli.Running;
using MoeLora.Cli.Terminals;
using MoeLora.Cli.Training;
using MoeLora.Training.Configuration;
using MoeLora.Training.Outputs;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora train</c>: trains an adapter, or a method that it is compared with.</summary>
internal sealed class TrainCommand : ProgramCommand
{
    private readonly Terminal _terminal;
    private readonly ConfigurationFlags _configuration = new();
    private readonly Option<bool> _resume = new("--resume") { Description = "Goes on from the last checkpoint in --out, exactly as if the run had not been interrupted." };
    private readonly JsonOption _json = new();

    public TrainCommand(Terminal terminal)
        : base("train", "Trains an adapter of a base model on records of one or more tasks. Ctrl-C stops after the present step, to be resumed.")
    {
        _terminal = terminal;
        _configuration.AddTo(this);
        Add(_resume);
        Add(_json);
    }

    public override IReadOnlyList<string> Examples =>
    [
        "moelora train --config train.yaml",
        "moelora train --config train.yaml --learning-rate 1e-4 --out runs/second",
        "moelora train --model DIR --train train.jsonl --validation dev.jsonl --validation-interval 200 --patience 5 --out runs/first --steps 2000",
        "moelora train --config runs/first/config.json --resume",
    ];

    protected override IEnumerable<string> FindProblems(ParseResult parsed) => _configuration.Read(parsed).Problems;

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        TrainingConfiguration given = _configuration.Read(parsed).Configuration!;
        TrainingConfiguration configuration = given with { Weights = given.Weights ?? PublishedWeights.FormatOf(given.Model) };
        bool resumes = parsed.GetValue(_resume);
        var directory = new TrainingDirectory(configuration.Out);
        var changes = new List<string>();
        if (directory.FindProblem(configuration, resumes, changes) is { } problem)
            throw new CommandException(problem);
        foreach (string change in changes)
            _terminal.Error.WriteLine($"Resuming with another value: {change}.");

        var job = new TrainingJob(configuration, directory, resumes, _terminal);
        TrainingReport report = await DeviceWork.RunAsync(_terminal, configuration.Device, configuration.Threads, (device, progress) => job.Run(device, progress, cancellation));
        if (report.End == RunEnd.Stopped)
            _terminal.Error.WriteLine($"Stopped after step {report.Steps}. Go on with: moelora train --config {directory.Configuration} --resume");
        if (parsed.GetValue(_json))
            _terminal.WriteJson(report);
        else
            Print(report);
        return report.End == RunEnd.Stopped ? ExitCode.Cancelled : ExitCode.Ok;
    }

    private void Print(TrainingReport report)
    {
        string end = report.End switch { RunEnd.Complete => "all steps taken", RunEnd.EarlyStop => "stopped early: the validation loss fell no more", _ => "stopped" };
        var lines = new List<(string Name, string Value)>
        {
            ("steps", $"{report.Steps} ({end})"),
            ("loss", report.Loss is { } loss ? Number(loss) : "no step was left to take"),
        };
        if (report.ValidationLoss is { } validation)
            lines.Add(("validation loss", $"{Number(validation)} after step {report.BestStep}, whose parameters are kept"));
        lines.Add(("trained", string.Create(CultureInfo.InvariantCulture, $"{report.TrainableParameters:N0} of {report.TotalParameters:N0} parameters ({(double)report.TrainableParameters / report.TotalParameters:P2})")));
        if (report.TokensPerSecond is { } speed)
            lines.Add(("tokens/s", speed.ToString("N0", CultureInfo.InvariantCulture)));
        lines.Add(("time", TimeSpan.FromSeconds(Math.Round(report.Seconds, 1)).ToString("g", CultureInfo.InvariantCulture)));
        lines.Add(("result", report.Paths.Trained ?? report.Paths.Checkpoint));
        foreach ((string name, string value) in lines)
            _terminal.Out.WriteLine($"{name,-16} {value}");
    }

    private static string Number(double value) => value.ToString("0.####", CultureInfo.InvariantCulture);
}
