using System.CommandLine;
using MoeLora.Contracts;
using MoeLora.Tensors;

namespace MoeLora.Cli.Options;

/// <summary>The options that say which model and adapter to run and how, the same in every command that runs one.</summary>
/// <param name="isRequired">Whether a model must be named.</param>
internal sealed class ModelOptions(bool isRequired = true)
{
    private readonly Option<string> _model = new("--model") { Description = "Directory of the base model.", HelpName = "DIR", Required = isRequired };
    private readonly Option<string?> _adapter = new("--adapter") { Description = "Directory of the adapter or bundle.", HelpName = "DIR" };
    private readonly TaskNamesOption _taskNames = new();
    private readonly ChoiceOption<ServingMode?> _mode = new(
        "--mode",
        "shared: one expert bank for all tasks beside the base weights (default). merged: the task's own recovered weights.",
        ("shared", ServingMode.Shared),
        ("merged", ServingMode.Merged));
    private readonly ChoiceOption<DType?> _weights = Weights("How weights are kept; as published by default.");
    private readonly DeviceOption _device = new();
    private readonly NumberOption _threads = Threads();

    /// <summary>How weights are kept.</summary>
    public static ChoiceOption<DType?> Weights(string description) =>
        new("--weights", description, [.. new[] { DType.F32, DType.F16, DType.BF16, DType.Q8 }.Select(dtype => (dtype.Name(), (DType?)dtype))]);

    /// <summary>How many threads compute.</summary>
    public static NumberOption Threads() => new("--threads", "Threads that compute; one for each core by default.", 1, 1024);

    /// <summary>Offers the options.</summary>
    public void AddTo(Command command)
    {
        command.Add(_model);
        command.Add(_adapter);
        command.Add(_taskNames);
        command.Add(_mode);
        command.Add(_weights);
        command.Add(_device);
        command.Add(_threads);
    }

    /// <summary>Whether any of the options was given.</summary>
    public bool IsGiven(ParseResult parsed) =>
        new Option[] { _model, _adapter, _taskNames, _mode, _weights, _device, _threads }.Any(option => parsed.GetResult(option) is { Implicit: false });

    /// <summary>Options that mean nothing without others.</summary>
    public IEnumerable<string> FindProblems(ParseResult parsed)
    {
        if (parsed.GetValue(_adapter) is not null)
            yield break;
        if (parsed.GetValue(_taskNames) is not null)
            yield return "--task-names names the tasks of an adapter; give --adapter as well.";
        if (parsed.GetValue(_mode) is not null)
            yield return "--mode says how a task is served; give --adapter as well.";
    }

    /// <summary>What was asked for.</summary>
    public ModelSource Read(ParseResult parsed)
    {
        string? adapter = parsed.GetValue(_adapter);
        return new ModelSource(
            parsed.GetRequiredValue(_model),
            adapter,
            parsed.GetValue(_taskNames),
            adapter is null ? ServingMode.Base : parsed.GetValue(_mode) ?? ServingMode.Shared,
            parsed.GetValue(_weights),
            parsed.GetValue(_threads) is > 0 and int threads ? threads : null)
        { Device = parsed.GetRequiredValue(_device) };
    }
}

/// <summary>Which model and adapter to run, and how.</summary>
/// <param name="Model">Directory of the base model.</param>
/// <param name="Adapter">Directory of the adapter; null for the base model alone.</param>
/// <param name="TaskNames">File with the tasks' names; null when the adapter has its own or none.</param>
/// <param name="Mode">Base without an adapter.</param>
/// <param name="Weights">Null keeps weights as they were published.</param>
/// <param name="Threads">Null takes one for each core.</param>
internal sealed record ModelSource(string Model, string? Adapter, string? TaskNames, ServingMode Mode, DType? Weights, int? Threads)
{
    /// <summary>One of <see cref="DeviceKinds"/>.</summary>
    public string Device { get; init; } = DeviceKinds.Cpu;
}
