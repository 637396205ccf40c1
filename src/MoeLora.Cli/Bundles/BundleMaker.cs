using MoeLora.Adapters;
using MoeLora.Adapters.Bundles;
using MoeLora.Adapters.Import;
using MoeLora.Cli.Running;
using MoeLora.Cli.Terminals;
using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Configs;
using MoeLora.Models.Tokenizers;
using MoeLora.Tensors;

namespace MoeLora.Cli.Bundles;

/// <summary>Makes a bundle with checks, and leaves it only when it passes its own proof.</summary>
internal sealed class BundleMaker(BundleRequest request, Device device, ProgressSource progress, CancellationToken cancellation)
{
    /// <exception cref="AdapterException">The adapter cannot be used, or not for a bundle with checks.</exception>
    /// <exception cref="CheckpointException">The model cannot be used.</exception>
    /// <exception cref="CommandException">Something is where the bundle is to be, or there are too few check prompts.</exception>
    public BundleReport Make()
    {
        if (Path.Exists(request.Out))
            throw new CommandException($"--out: '{request.Out}' is already there, and nothing is ever overwritten; choose another or remove it.");
        ModelConfig config = ModelConfigReader.Read(request.Model);
        string? hash = AdapterBundle.IsAt(request.Adapter) ? Hash() : null;
        Adapter adapter = AdapterReader.Open(request.Adapter, ModelOutline.Of(config).LinearModules, request.TaskNames, hash);
        IReadOnlyList<CheckPrompt> prompts = request.Records is null
            ? [.. adapter.Tasks.SelectMany(task => request.PromptIds!.Select(ids => new CheckPrompt(task, ids)))]
            : request.Records.Read(adapter, TokenizerReader.Read(request.Model).Require(), config.MaxPositions);
        hash ??= Hash();

        using LoadedModel loaded = LoadedModel.Load(request.Model, DType.F32, device, progress);
        IReadOnlyList<BundleCheck> checks = loaded.ComputeChecks(adapter, prompts, cancellation);
        AdapterBundle bundle = AdapterBundle.Write(request.Out, adapter, request.Name, request.Version, hash, checks);
        bool proven = false;
        try
        {
            Adapter written = AdapterReader.Open(request.Out, loaded.Model.LinearModules, baseModelHash: hash);
            var report = new BundleReport(bundle, loaded.RunChecks(written, cancellation), device.Name);
            proven = report.Passed;
            return report;
        }
        finally
        {
            if (!proven)
                Directory.Delete(request.Out, recursive: true);
        }
    }

    private string Hash()
    {
        progress.Begin("Hashing the base model");
        return BaseModelHash.Hash(request.Model, (done, total) => progress.Report((double)done / total), cancellation);
    }
}
