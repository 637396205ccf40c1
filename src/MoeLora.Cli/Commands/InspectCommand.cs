using System.CommandLine;
using MoeLora.Cli.Inspection;
using MoeLora.Cli.Options;
using MoeLora.Cli.Terminals;
using MoeLora.Models.Checkpoints;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora inspect</c>: what something on disk is.</summary>
internal sealed class InspectCommand : ProgramCommand
{
    private readonly Terminal _terminal;
    private readonly Argument<string> _path = new("PATH") { Description = "A model's, adapter's or bundle's directory, or one checkpoint file." };
    private readonly Option<string?> _model = new("--model")
    {
        Description = "The base model of an adapter, to check that it fits and to know the trainable share.",
        HelpName = "DIR",
    };
    private readonly TaskNamesOption _taskNames = new();
    private readonly JsonOption _json = new();

    public InspectCommand(Terminal terminal)
        : base("inspect", "Shows what a model, an adapter or a checkpoint file is, without loading it.")
    {
        _terminal = terminal;
        Add(_path);
        Add(_model);
        Add(_taskNames);
        Add(_json);
    }

    public override IReadOnlyList<string> Examples =>
    [
        "moelora inspect tests/data/qwen2-tiny",
        "moelora inspect tests/data/qwen2-tiny/adapter --model tests/data/qwen2-tiny",
        "moelora inspect tests/data/qwen2-tiny/model.safetensors --json",
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var progress = new ProgressSource();
        Task<IInspection> work = Task.Run(() => Inspect(parsed, progress, cancellation), cancellation);
        await progress.WatchAsync(_terminal, work);
        IInspection inspection = await work;
        if (parsed.GetValue(_json))
            _terminal.WriteJson<object>(inspection);
        else
            inspection.Print(_terminal);
        return ExitCode.Ok;
    }

    private IInspection Inspect(ParseResult parsed, ProgressSource progress, CancellationToken cancellation)
    {
        string path = parsed.GetRequiredValue(_path);
        string? model = parsed.GetValue(_model), names = parsed.GetValue(_taskNames);
        if (File.Exists(Path.Combine(path, "adapter_config.json")))
            return AdapterInspection.Read(path, model, names, Hash);
        if (model is not null || names is not null)
            throw new UsageException([$"--model and --task-names are for adapters; '{path}' is none (it holds no adapter_config.json)."]);
        if (File.Exists(path))
            return CheckpointInspection.Read(path);
        if (File.Exists(Path.Combine(path, "config.json")))
            return ModelInspection.Read(path);
        throw new CommandException(Directory.Exists(path)
            ? $"'{path}' holds neither config.json (a model) nor adapter_config.json (an adapter or bundle); a single checkpoint file can be given by its own path."
            : $"there is no '{path}'.");

        string Hash(string directory)
        {
            progress.Begin("Hashing the base model");
            string hash = BaseModelHash.Hash(directory, (done, total) => progress.Report((double)done / total), cancellation);
            progress.End();
            return hash;
        }
    }
}
