using System.CommandLine;
using MoeLora.Adapters;
using MoeLora.Cli.Options;
using MoeLora.Cli.Running;
using MoeLora.Cli.Terminals;
using MoeLora.Cli.Verification;
using MoeLora.Tensors;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora verify</c>: compares everything with what another implementation computed.</summary>
internal sealed class VerifyCommand : ProgramCommand
{
    private readonly Terminal _terminal;
    private readonly Argument<string> _pack = new("PACK") { Description = "Directory with a model, an adapter and expected values." };
    private readonly ChoiceOption<DType?> _weights = ModelOptions.Weights(
        "How weights are kept; f32 by default. The tolerances of logits, tokens, loss and gradients are for f32: with another format their errors are shown, not judged.");
    private readonly NumberOption _threads = ModelOptions.Threads();
    private readonly JsonOption _json = new();

    public VerifyCommand(Terminal terminal)
        : base("verify", "Runs every comparison that a reference pack offers, merged and shared; exits 1 when one is past its tolerance.")
    {
        _terminal = terminal;
        Add(_pack);
        Add(_weights);
        Add(_threads);
        Add(_json);
    }

    public override IReadOnlyList<string> Examples =>
    [
        "moelora verify tests/data/llama-tiny",
        "moelora verify tests/data/qwen2-tiny --weights q8 --json",
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        using ReferencePack pack = ReferencePack.Open(parsed.GetRequiredValue(_pack));
        DType weights = parsed.GetValue(_weights) ?? DType.F32;
        int? threads = parsed.GetValue(_threads) is > 0 and int given ? given : null;
        VerificationReport report = await DeviceWork.RunAsync(_terminal, threads, (device, progress) =>
        {
            using LoadedModel loaded = LoadedModel.Load(pack.Directory, weights, device, progress);
            Adapter adapter = loaded.OpenAdapter(pack.AdapterDirectory);
            var verifier = new PackVerifier(pack, loaded, adapter, exactWeights: weights == DType.F32);
            IReadOnlyList<Comparison> comparisons = verifier.Run(cancellation);
            bool passed = comparisons.All(c => c.Passed != false) && comparisons.Any(c => c.Passed == true);
            return new VerificationReport(pack.Directory, weights.Name(), device.Name, passed, comparisons, [.. verifier.FindNotCompared()]);
        });
        if (parsed.GetValue(_json))
            _terminal.WriteJson(report);
        else
            report.Print(_terminal);
        return report.Passed ? ExitCode.Ok : ExitCode.Failed;
    }
}
