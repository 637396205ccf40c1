using System.CommandLine;
using MoeLora.Adapters.Bundles;
using MoeLora.Cli.Bundles;
using MoeLora.Cli.Options;
using MoeLora.Cli.Running;
using MoeLora.Cli.Terminals;
using MoeLora.Models.Prompts;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora bundle</c>: a trained adapter as a bundle that proves itself where it is loaded.</summary>
internal sealed class BundleCommand : ProgramCommand
{
    private readonly Terminal _terminal;
    private readonly Option<string> _model = new("--model") { Description = "Directory of the base model.", HelpName = "DIR", Required = true };
    private readonly Option<string> _adapter = new("--adapter") { Description = "Directory of the trained adapter, or of a bundle to be given checks.", HelpName = "DIR", Required = true };
    private readonly TaskNamesOption _taskNames = new();
    private readonly LabelOption<AdapterName> _name = new("--name", "NAME", "The bundle's name.", text => new AdapterName(text)) { Required = true };
    private readonly LabelOption<AdapterVersion> _version = new("--adapter-version", "V", "The bundle's version.", text => new AdapterVersion(text)) { Required = true };
    private readonly Option<string?> _checkData = new("--check-data") { Description = "Records whose prompts become the check prompts: the first of each of the adapter's tasks.", HelpName = "FILE.jsonl" };
    private readonly NumberOption _checksPerTask = new("--checks-per-task", "Check prompts taken of each task.", 1, 100, 2);
    private readonly ChoiceOption<PromptFormat> _format = new("--prompt-format", "What is written around the records' inputs: as in training; plain by default.", [.. PromptFormats.ByName.Select(format => (format.Key, format.Value))]);
    private readonly CheckPromptIdsOption _promptIds = new();
    private readonly Option<string> _out = new("--out") { Description = "The directory to make; nothing may be there.", HelpName = "DIR", Required = true };
    private readonly DeviceOption _device = new();
    private readonly NumberOption _threads = ModelOptions.Threads();
    private readonly JsonOption _json = new();

    public BundleCommand(Terminal terminal)
        : base("bundle", "Makes a bundle of a trained adapter, with check prompts and what it answers to them, and proves it, shared and merged.")
    {
        _terminal = terminal;
        foreach (Option option in (Option[])[_model, _adapter, _taskNames, _name, _version, _checkData, _checksPerTask, _format, _promptIds, _out, _device, _threads, _json])
            Add(option);
    }

    public override IReadOnlyList<string> Examples =>
    [
        "moelora bundle --model DIR --adapter runs/first/adapter --name demo --adapter-version 1.0.0 --check-data dev.jsonl --out demo-1.0.0",
        "moelora bundle --model tests/data/llama-tiny --adapter tests/data/llama-tiny/adapter --name tiny --adapter-version 1 --check-prompt-ids 1,38,243 --out tiny-1",
    ];

    protected override IEnumerable<string> FindProblems(ParseResult parsed)
    {
        bool hasData = parsed.GetValue(_checkData) is not null, hasIds = parsed.GetValue(_promptIds) is not null;
        if (hasData == hasIds)
            yield return hasData ? "check prompts come from --check-data or from --check-prompt-ids, not from both." : "a bundle needs check prompts: --check-data FILE.jsonl or --check-prompt-ids 1,2,3.";
        foreach (Option option in (Option[])[_checksPerTask, _format])
        {
            if (!hasData && parsed.GetResult(option) is { Implicit: false })
                yield return $"{option.Name} is about the records of --check-data; give that as well.";
        }
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var request = new BundleRequest(
            parsed.GetRequiredValue(_model),
            parsed.GetRequiredValue(_adapter),
            parsed.GetValue(_taskNames),
            parsed.GetRequiredValue(_out),
            parsed.GetRequiredValue(_name)!.Value,
            parsed.GetRequiredValue(_version)!.Value,
            parsed.GetValue(_checkData) is { } file ? new RecordPrompts(file, parsed.GetValue(_checksPerTask), parsed.GetValue(_format)) : null,
            parsed.GetValue(_promptIds));
        int? threads = parsed.GetValue(_threads) is > 0 and int given ? given : null;
        BundleReport report = await DeviceWork.RunAsync(_terminal, parsed.GetRequiredValue(_device), threads, (device, progress) => new BundleMaker(request, device, progress, cancellation).Make());
        if (parsed.GetValue(_json))
            _terminal.WriteJson(report);
        else
            report.Print(_terminal);
        if (!report.Passed)
            _terminal.Error.WriteLine($"moelora bundle: the bundle did not pass its own proof and was removed again: {request.Out}.");
        return report.Passed ? ExitCode.Ok : ExitCode.Failed;
    }
}
