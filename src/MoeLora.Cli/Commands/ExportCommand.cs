using System.CommandLine;
using MoeLora.Adapters;
using MoeLora.Adapters.Bundles;
using MoeLora.Adapters.Export;
using MoeLora.Adapters.Import;
using MoeLora.Cli.Options;
using MoeLora.Cli.Terminals;
using MoeLora.Models.Architectures;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Configs;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora export</c>: an adapter as a bundle, or one of its tasks as a plain LoRA.</summary>
internal sealed class ExportCommand : ProgramCommand
{
    private readonly Terminal _terminal;
    private readonly Option<string> _model = new("--model") { Description = "Directory of the base model.", HelpName = "DIR", Required = true };
    private readonly Option<string> _adapter = new("--adapter") { Description = "Directory of the adapter or bundle.", HelpName = "DIR", Required = true };
    private readonly Option<string> _out = new("--out") { Description = "The directory to make; nothing may be there.", HelpName = "DIR", Required = true };
    private readonly ChoiceOption<ExportFormat?> _format = new(
        "--format",
        "bundle: all tasks, with names, version and hashes. peft: one task as a plain LoRA that other servers load.",
        ("bundle", ExportFormat.Bundle),
        ("peft", ExportFormat.Peft))
    {
        Required = true,
    };
    private readonly LabelOption<AdapterName> _name = new("--name", "NAME", "The bundle's name.", text => new AdapterName(text));
    private readonly LabelOption<AdapterVersion> _version = new("--version", "V", "The bundle's version.", text => new AdapterVersion(text));
    private readonly Option<string?> _task = new("--task") { Description = "The task that becomes a LoRA, by name or id.", HelpName = "ID|NAME" };
    private readonly TaskNamesOption _taskNames = new();

    public ExportCommand(Terminal terminal)
        : base("export", "Writes an adapter as a bundle, or one of its tasks as a plain LoRA.")
    {
        _terminal = terminal;
        foreach (Option option in (Option[])[_model, _adapter, _out, _format, _name, _version, _task, _taskNames])
            Add(option);
    }

    private enum ExportFormat
    {
        Bundle,
        Peft,
    }

    public override IReadOnlyList<string> Examples =>
    [
        "moelora export --model tests/data/qwen2-tiny --adapter tests/data/qwen2-tiny/adapter --out demo-1.0.0 --format bundle --name demo --version 1.0.0",
        "moelora export --model tests/data/qwen2-tiny --adapter tests/data/qwen2-tiny/adapter --out task2 --format peft --task 2",
    ];

    protected override IEnumerable<string> FindProblems(ParseResult parsed)
    {
        bool bundle = parsed.GetValue(_format) == ExportFormat.Bundle;
        bool hasName = parsed.GetValue(_name) is not null, hasVersion = parsed.GetValue(_version) is not null;
        string? task = parsed.GetValue(_task);
        if (bundle && !hasName)
            yield return "a bundle needs a name: --name NAME.";
        if (bundle && !hasVersion)
            yield return "a bundle needs a version: --version V.";
        if (bundle && task is not null)
            yield return "a bundle holds all tasks; leave out --task.";
        if (!bundle && task is null)
            yield return "a plain LoRA holds one task; say which with --task ID|NAME.";
        if (!bundle && (hasName || hasVersion))
            yield return "a plain LoRA has neither name nor version; leave out --name and --version.";
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var progress = new ProgressSource();
        Task<string> work = Task.Run(() => Export(parsed, progress, cancellation), cancellation);
        await progress.WatchAsync(_terminal, work);
        _terminal.Out.WriteLine(await work);
        return ExitCode.Ok;
    }

    private string Export(ParseResult parsed, ProgressSource progress, CancellationToken cancellation)
    {
        string model = parsed.GetRequiredValue(_model), source = parsed.GetRequiredValue(_adapter), destination = parsed.GetRequiredValue(_out);
        bool isBundle = AdapterBundle.IsAt(source);
        bool makesBundle = parsed.GetValue(_format) == ExportFormat.Bundle;
        ModelOutline outline = ModelOutline.Of(ModelConfigReader.Read(model));
        string? hash = null;
        if (isBundle || makesBundle)
        {
            progress.Begin("Hashing the base model");
            hash = BaseModelHash.Hash(model, (bytes, total) => progress.Report((double)bytes / total), cancellation);
        }

        progress.Begin("Exporting");
        Adapter adapter = AdapterReader.Open(source, outline.LinearModules, parsed.GetValue(_taskNames), isBundle ? hash : null);
        if (makesBundle)
        {
            AdapterBundle bundle = AdapterBundle.Write(destination, adapter, parsed.GetValue(_name)!.Value, parsed.GetValue(_version)!.Value, hash!, adapter.Checks);
            return $"{destination}: bundle {bundle.Manifest.Name} {bundle.Manifest.Version}, {adapter.Tasks.Count} tasks, {bundle.Hash}";
        }

        AdapterTask task = adapter.RequireTask(parsed.GetValue(_task)!);
        LoraExport.Write(destination, adapter, null, task);
        return $"{destination}: LoRA of task {task}, rank {adapter.Bank.Rank}";
    }
}
