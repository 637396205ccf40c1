using System.CommandLine;
using MoeLora.Adapters.Import;
using MoeLora.Cli.Options;
using MoeLora.Cli.Planning;
using MoeLora.Cli.Running;
using MoeLora.Cli.Terminals;
using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Models.Configs;
using MoeLora.Tensors;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora plan</c>: the memory that a model and its adapter will take.</summary>
internal sealed class PlanCommand : ProgramCommand
{
    private readonly Terminal _terminal;
    private readonly Option<string?> _model = new("--model") { Description = "Directory of the base model; its config.json is enough where --weights is given.", HelpName = "DIR" };
    private readonly ChoiceOption<string?> _shape = new("--shape", "A known shape instead of a model.", [.. ModelShapes.Names.Select(name => (name, (string?)name))]);
    private readonly Option<string?> _adapter = new("--adapter") { Description = "Directory of the adapter or bundle.", HelpName = "DIR" };
    private readonly NumberOption _rank = new("--rank", "Instead of an adapter: one of this rank over all experts, on all dense layers.", 1, 1024);
    private readonly ChoiceOption<DType?> _weights = ModelOptions.Weights("How weights are kept; as published by default.");
    private readonly DeviceOption _device = new();
    private readonly NumberOption _sequences = new("--max-sequences", "Answers at once.", 1, 100_000, 32);
    private readonly NumberOption _tokens = new("--tokens", "Tokens of each answer, its prompt included; at most the context.", 1, 10_000_000, MemoryPlan.UsualTokens);
    private readonly NumberOption _versions = new("--versions", "Versions in memory: the active one, and the one before for a rollback.", 1, 1000, 2);
    private readonly NumberOption _merged = new("--merged", "Tasks with recovered weights of their own, over all versions.", 0, 10_000, 0);
    private readonly JsonOption _json = new();

    public PlanCommand(Terminal terminal)
        : base("plan", "Shows what a model, its adapter and answers will take of the device's memory, without reading weights.")
    {
        _terminal = terminal;
        foreach (Option option in (Option[])[_model, _shape, _adapter, _rank, _weights, _device, _sequences, _tokens, _versions, _merged, _json])
            Add(option);
    }

    public override IReadOnlyList<string> Examples =>
    [
        "moelora plan --model deploy/demo/files/base --adapter deploy/demo/files/v1",
        "moelora plan --shape qwen2-0.5b --weights q8 --rank 16 --max-sequences 64 --tokens 1024 --merged 2",
    ];

    protected override IEnumerable<string> FindProblems(ParseResult parsed)
    {
        if (parsed.GetValue(_model) is null == parsed.GetValue(_shape) is null)
            yield return "Give either --model DIR or --shape NAME.";
        if (parsed.GetValue(_shape) is not null && parsed.GetValue(_weights) is null)
            yield return "A shape has no published format; give --weights.";
        if (parsed.GetValue(_adapter) is not null && parsed.GetValue(_rank) > 0)
            yield return "--rank stands for an adapter; give it or --adapter.";
        if (parsed.GetValue(_merged) > 0 && parsed.GetValue(_adapter) is null && parsed.GetValue(_rank) == 0)
            yield return "--merged needs an adapter: --adapter DIR or --rank N.";
    }

    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        string? directory = parsed.GetValue(_model);
        ModelConfig config = directory is null ? ModelShapes.Get(parsed.GetValue(_shape)!) : ModelConfigReader.Read(directory);
        IReadOnlyList<LinearModule> modules = ModelOutline.Of(config).LinearModules;
        int rank = parsed.GetValue(_rank);
        if (parsed.GetValue(_adapter) is { } adapter)
            (modules, rank) = Adapted(adapter, modules);
        else if (rank == 0)
            modules = [];
        var wanted = new PlanSettings(
            directory ?? parsed.GetValue(_shape)!,
            parsed.GetValue(_weights) ?? PublishedWeights.FormatOf(directory!),
            parsed.GetValue(_sequences),
            parsed.GetValue(_tokens),
            parsed.GetValue(_versions),
            parsed.GetValue(_merged));
        using Device device = DeviceKinds.Open(parsed.GetRequiredValue(_device), 1);
        MemoryPlan plan = MemoryPlan.Of(wanted, config, modules, rank, device);
        if (parsed.GetValue(_json))
            _terminal.WriteJson(plan);
        else
            plan.Print(_terminal);
        return Task.FromResult(ExitCode.Ok);
    }

    private static (IReadOnlyList<LinearModule> Modules, int Rank) Adapted(string directory, IReadOnlyList<LinearModule> modules)
    {
        var bank = AdapterReader.OpenWithoutBase(directory).Bank;
        string[] strange = [.. bank.Modules.Select(adapted => adapted.Module).Where(module => !modules.Any(known => IsSame(known, module))).Select(module => module.Name)];
        return strange.Length == 0
            ? ([.. bank.Modules.Select(adapted => adapted.Module)], bank.Rank)
            : throw new CommandException($"'{directory}' is for another model: it adapts {string.Join(", ", strange)}, which this one does not have in that shape.");
    }

    private static bool IsSame(LinearModule one, LinearModule other) => (one.Name, one.InFeatures, one.OutFeatures) == (other.Name, other.InFeatures, other.OutFeatures);
}
