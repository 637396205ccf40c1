using System.CommandLine;
using System.Globalization;
using MoeLora.Cli.Experiments;
using MoeLora.Cli.Options;
using MoeLora.Cli.Running;
using MoeLora.Cli.Terminals;
using MoeLora.Training.Configuration;
using MoeLora.Training.Experiments;
using MoeLora.Training.Methods;
using MoeLora.Training.Reports.Results;
using MoeLora.Training.Sampling;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora experiment</c>: methods by tasks by seeds, sweeps, and the report.</summary>
internal sealed class ExperimentCommand : ProgramCommand
{
    private readonly Terminal _terminal;
    private readonly ConfigurationFlags _configuration = new();
    private readonly Option<string> _test = new("--test") { Description = "File of records to answer and score.", HelpName = "FILE", Required = true };
    private readonly Option<string> _methods = List("--methods", $"What is compared, with commas between: all, none, or some of {string.Join(", ", Method.All.Select(method => method.Id))}.", "all");
    private readonly Option<string> _seeds = List("--seeds", "A training of each method for each of them.", "1,2,3");
    private readonly Option<string> _experts = List("--sweep-experts", "Numbers of experts to try for MOELoRA (D) besides the configured one.", "");
    private readonly Option<string> _ranks = List("--sweep-ranks", "Ranks to try for MOELoRA (D) besides the configured one; α/r stays.", "");
    private readonly Option<string> _samplers = List("--sweep-samplers", "Samplers to try for MOELoRA (D) besides the configured one.", "");
    private readonly Option<string?> _jieba = new("--jieba") { Description = "jieba's dict.txt, to cut texts into words for ROUGE-L; a small built-in dictionary otherwise.", HelpName = "DICT" };
    private readonly Option<string> _title = new("--title") { Description = "What the report is headed with.", HelpName = "TEXT", DefaultValueFactory = _ => "MOELoRA and what it is compared with" };
    private readonly JsonOption _json = new();

    public ExperimentCommand(Terminal terminal)
        : base("experiment", "Trains and scores methods by tasks by seeds, and writes the report. Goes on where it was stopped when it is run again.")
    {
        _terminal = terminal;
        Add(_test);
        foreach (Option option in (Option[])[_methods, _seeds, _experts, _ranks, _samplers, _jieba, _title, _json])
            Add(option);
        _configuration.AddTo(this);
    }

    public override IReadOnlyList<string> Examples =>
    [
        "moelora experiment --config train.yaml --test test.jsonl --out report",
        "moelora experiment --config train.yaml --test test.jsonl --out report --methods lora-full,moelora-d --seeds 1,2,3,4,5 --sweep-experts 2,4,16",
    ];

    protected override IEnumerable<string> FindProblems(ParseResult parsed)
    {
        var problems = new List<string>(_configuration.Read(parsed).Problems);
        ExperimentPlan? plan = ReadPlan(parsed, problems);
        if (plan is not null && _configuration.Read(parsed).Configuration is { } configuration)
            problems.AddRange(ExperimentJob.FindProblems(configuration, plan));
        return problems.Distinct();
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        TrainingConfiguration configuration = _configuration.Read(parsed).Configuration!;
        var job = new ExperimentJob(configuration, ReadPlan(parsed, [])!, parsed.GetRequiredValue(_test), parsed.GetValue(_jieba), parsed.GetRequiredValue(_title), _terminal);
        ExperimentResults results = await DeviceWork.RunAsync(_terminal, configuration.Device, configuration.Threads, (device, progress) => job.Run(device, progress, cancellation));
        int failed = results.Cells.Count(cell => cell.Status == CellStatus.Failed);
        if (parsed.GetValue(_json))
            _terminal.WriteJson(new { configuration.Out, Cells = results.Cells.Count, Failed = failed });
        else
            _terminal.Out.WriteLine($"{results.Cells.Count} cells, {failed} failed. The report is {Path.Combine(configuration.Out, "report.html")}");
        return failed == 0 ? ExitCode.Ok : ExitCode.Failed;
    }

    private ExperimentPlan? ReadPlan(ParseResult parsed, List<string> problems)
    {
        int before = problems.Count;
        string[] names = Parts(parsed, _methods);
        bool isWord = names is ["all" or "none"];
        foreach (string name in isWord ? [] : names.Where(name => Method.Find(name) is null))
            problems.Add(name is "all" or "none" ? $"--methods: {name} stands alone." : $"--methods: there is no method {name}; there are {string.Join(", ", Method.All.Select(method => method.Id))}.");
        foreach (string name in Parts(parsed, _samplers).Where(name => SamplerNames.Find(name) is null))
            problems.Add($"--sweep-samplers: there is no sampler {name}; there are {string.Join(", ", SamplerNames.All.Select(sampler => sampler.Name))}.");
        int[] seeds = Numbers(parsed, _seeds, 0, problems), experts = Numbers(parsed, _experts, 1, problems), ranks = Numbers(parsed, _ranks, 1, problems);
        if (problems.Count > before)
            return null;
        return new ExperimentPlan
        {
            Methods = names is ["all"] ? Method.All : isWord ? [] : [.. names.Select(name => Method.Find(name)!)],
            Seeds = seeds,
            ExpertCounts = experts,
            Ranks = ranks,
            Samplers = [.. Parts(parsed, _samplers).Select(name => SamplerNames.Find(name)!.Value)],
        };
    }

    private static int[] Numbers(ParseResult parsed, Option<string> option, int least, List<string> problems)
    {
        var numbers = new List<int>();
        foreach (string part in Parts(parsed, option))
        {
            if (int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least)
                numbers.Add(number);
            else
                problems.Add($"{option.Name}: '{part}' is not a whole number of at least {least}.");
        }
        return [.. numbers];
    }

    private static string[] Parts(ParseResult parsed, Option<string> option) =>
        parsed.GetRequiredValue(option).Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static Option<string> List(string name, string description, string value) =>
        new(name) { Description = description, HelpName = "A,B", DefaultValueFactory = _ => value };
}
