using System.CommandLine;
using MoeLora.Adapters;
using MoeLora.Adapters.Experts;
using MoeLora.Cli.Options;
using MoeLora.Cli.Running;
using MoeLora.Cli.Terminals;
using MoeLora.Contracts;
using MoeLora.Engine.Generation;
using MoeLora.Models.Checkpoints;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora logits</c>: the scores of every token after every token of a prompt, as a file.</summary>
internal sealed class LogitsCommand : ProgramCommand
{
    private readonly Terminal _terminal;
    private readonly ModelOptions _model = new();
    private readonly TaskOption _task = new();
    private readonly TokenIdsOption _promptIds = new() { Required = true };
    private readonly Option<string> _out = new("--out")
    {
        Description = "The file to write: a tensor 'logits', [tokens, vocabulary], float32.",
        HelpName = "FILE.safetensors",
        Required = true,
    };

    public LogitsCommand(Terminal terminal)
        : base("logits", "Writes the logits of every token of a prompt to a safetensors file.")
    {
        _terminal = terminal;
        _model.AddTo(this);
        Add(_task);
        Add(_promptIds);
        Add(_out);
    }

    public override IReadOnlyList<string> Examples =>
    [
        "moelora logits --model tests/data/llama-tiny --prompt-ids 1,38,243 --out base.safetensors",
        "moelora logits --model tests/data/llama-tiny --adapter tests/data/llama-tiny/adapter --task 2 --prompt-ids 1,38,243 --out task2.safetensors",
    ];

    protected override IEnumerable<string> FindProblems(ParseResult parsed) =>
        [.. _model.FindProblems(parsed), .. _task.FindProblems(parsed, _model.Read(parsed))];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        ModelSource source = _model.Read(parsed);
        int[] prompt = parsed.GetRequiredValue(_promptIds);
        string file = parsed.GetRequiredValue(_out);
        if (Path.GetDirectoryName(Path.GetFullPath(file)) is { } directory && !Directory.Exists(directory))
            throw new CommandException($"--out: there is no directory '{directory}'.");

        float[] logits = await DeviceWork.RunAsync(_terminal, source.Device, source.Threads, (device, progress) =>
        {
            using LoadedModel loaded = LoadedModel.Load(source.Model, source.Weights, device, progress);
            return Compute(loaded, source, parsed.GetValue(_task), prompt);
        });
        int vocabulary = logits.Length / prompt.Length;
        SafetensorsWriter.Write(file, [new SafetensorsEntry("logits", [prompt.Length, vocabulary], logits)]);
        _terminal.Out.WriteLine($"{file}: logits [{prompt.Length}, {vocabulary}]");
        return ExitCode.Ok;
    }

    private static float[] Compute(LoadedModel loaded, ModelSource source, string? taskText, int[] prompt)
    {
        if (source.Adapter is null)
            return TaskModel.Own(loaded.Model).Logits(prompt);
        Adapter adapter = loaded.OpenAdapter(source.Adapter, source.TaskNames);
        AdapterTask task = adapter.RequireTask(taskText!);
        if (source.Mode == ServingMode.Merged)
        {
            TaskModel merged = loaded.Merge(adapter, task);
            using (merged.Model)
                return merged.Logits(prompt);
        }

        using DeviceBank bank = adapter.ToDevice(loaded.Model);
        return loaded.Share(adapter, bank, task).Logits(prompt);
    }
}
