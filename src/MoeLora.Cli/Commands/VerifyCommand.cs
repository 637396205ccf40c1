using System.CommandLine;
using MoeLora.Adapters;
using MoeLora.Adapters.Bundles;
using MoeLora.Adapters.Import;
using MoeLora.Cli.Bundles;
using MoeLora.Cli.Options;
using MoeLora.Cli.Running;
using MoeLora.Cli.Terminals;
using MoeLora.Cli.Verification;
using MoeLora.Models.Architectures;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Configs;
using MoeLora.Tensors;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora verify</c>: compares everything with what another implementation computed, or a bundle with what it answered when it was made.</summary>
internal sealed class VerifyCommand : ProgramCommand
{
    private readonly Terminal _terminal;
    private readonly Argument<string> _path = new("PATH") { Description = "A reference pack (a model, an adapter and expected values), or a bundle (known by its manifest.json)." };
    private readonly Option<string?> _model = new("--model") { Description = "Directory of a bundle's base model. A pack has its own.", HelpName = "DIR" };
    private readonly ChoiceOption<DType?> _weights = ModelOptions.Weights(
        "How weights are kept; f32 by default. A bundle has tolerances for every format. A pack's are for f32: with another format the errors of logits, tokens, loss and gradients are shown, not judged.");
    private readonly DeviceOption _device = new();
    private readonly NumberOption _threads = ModelOptions.Threads();
    private readonly JsonOption _json = new();

    public VerifyCommand(Terminal terminal)
        : base("verify", "Runs every comparison that a reference pack or a bundle's checks offer, merged and shared; exits 1 when one is past its tolerance.")
    {
        _terminal = terminal;
        Add(_path);
        Add(_model);
        Add(_weights);
        Add(_device);
        Add(_threads);
        Add(_json);
    }

    public override IReadOnlyList<string> Examples =>
    [
        "moelora verify tests/data/llama-tiny",
        "moelora verify tests/data/qwen2-tiny --weights q8 --json",
        "moelora verify tests/data/chatglm-tiny --device cpu",
        "moelora verify demo-1.0.0 --model DIR --weights q8",
    ];

    protected override IEnumerable<string> FindProblems(ParseResult parsed)
    {
        string path = parsed.GetRequiredValue(_path);
        bool isBundle = AdapterBundle.IsAt(path), hasModel = parsed.GetValue(_model) is not null;
        if (isBundle && !hasModel)
            yield return $"'{path}' is a bundle; say what its base model is with --model DIR.";
        if (!isBundle && hasModel)
            yield return $"'{path}' is no bundle (it holds no manifest.json), and a reference pack has its own model; leave out --model.";
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        DType weights = parsed.GetValue(_weights) ?? DType.F32;
        string device = parsed.GetRequiredValue(_device);
        int? threads = parsed.GetValue(_threads) is > 0 and int given ? given : null;
        string path = parsed.GetRequiredValue(_path);
        IVerdict verdict = AdapterBundle.IsAt(path)
            ? await VerifyBundleAsync(path, parsed.GetValue(_model)!, weights, device, threads, cancellation)
            : await VerifyPackAsync(path, weights, device, threads, cancellation);
        if (parsed.GetValue(_json))
            _terminal.WriteJson<object>(verdict);
        else
            verdict.Print(_terminal);
        return verdict.Passed ? ExitCode.Ok : ExitCode.Failed;
    }

    private async Task<BundleReport> VerifyBundleAsync(string path, string model, DType weights, string deviceName, int? threads, CancellationToken cancellation)
    {
        AdapterBundle bundle = AdapterBundle.Open(path);
        if (bundle.Checks is null)
            throw new CommandException($"'{path}' is a bundle of format 1, which has no checks, so that nothing can be verified; 'moelora bundle' makes one with checks of it.");
        return await DeviceWork.RunAsync(_terminal, deviceName, threads, (device, progress) =>
        {
            progress.Begin("Hashing the base model");
            string hash = BaseModelHash.Hash(model, (done, total) => progress.Report((double)done / total), cancellation);
            Adapter adapter = AdapterReader.Open(path, ModelOutline.Of(ModelConfigReader.Read(model)).LinearModules, baseModelHash: hash);
            using LoadedModel loaded = LoadedModel.Load(model, weights, device, progress);
            return new BundleReport(bundle, loaded.RunChecks(adapter, cancellation), device.Name);
        });
    }

    private async Task<VerificationReport> VerifyPackAsync(string path, DType weights, string deviceName, int? threads, CancellationToken cancellation)
    {
        using ReferencePack pack = ReferencePack.Open(path);
        return await DeviceWork.RunAsync(_terminal, deviceName, threads, (device, progress) =>
        {
            using LoadedModel loaded = LoadedModel.Load(pack.Directory, weights, device, progress);
            Adapter adapter = loaded.OpenAdapter(pack.AdapterDirectory);
            var verifier = new PackVerifier(pack, loaded, adapter, exactWeights: weights == DType.F32);
            IReadOnlyList<Comparison> comparisons = verifier.Run(cancellation);
            bool passed = comparisons.All(c => c.Passed != false) && comparisons.Any(c => c.Passed == true);
            return new VerificationReport(pack.Directory, weights.Name(), device.Name, passed, comparisons, [.. verifier.FindNotCompared()])
            {
                Rounded = weights == DType.F32 ? GreedyAgreement.Measure(pack, DType.BF16, device, progress, cancellation) : null,
            };
        });
    }
}
