using MoeLora.Adapters;
using MoeLora.Adapters.Bundles;
using MoeLora.Adapters.Experts;
using MoeLora.Adapters.Import;
using MoeLora.Cli.Terminals;
using MoeLora.Engine.Generation;
using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Configs;
using MoeLora.Tensors;

namespace MoeLora.Cli.Running;

/// <summary>A base model with its published files open, and adapters of it as tasks.</summary>
internal sealed class LoadedModel : IDisposable
{
    private readonly Checkpoint _published;
    private readonly ProgressSource _progress;

    private LoadedModel(Checkpoint published, CausalModel model, ProgressSource progress)
    {
        _published = published;
        Model = model;
        _progress = progress;
    }

    /// <summary>The base model.</summary>
    public CausalModel Model { get; }

    /// <summary>Loads a model.</summary>
    /// <param name="directory">As published.</param>
    /// <param name="weights">Null keeps weights as they were published.</param>
    /// <param name="device">Where the weights go.</param>
    /// <param name="progress">Told of the progress.</param>
    /// <exception cref="CheckpointException">The files cannot be used.</exception>
    public static LoadedModel Load(string directory, DType? weights, Device device, ProgressSource progress)
    {
        ModelConfig config = ModelConfigReader.Read(directory);
        Checkpoint published = Checkpoint.Open(directory);
        try
        {
            progress.Begin($"Loading {Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory)))}");
            CausalModel model = ModelLoader.Load(published, config, device, weights ?? PublishedFormat(published), new LoadReport(progress));
            progress.End();
            return new LoadedModel(published, model, progress);
        }
        catch
        {
            published.Dispose();
            throw;
        }
    }

    /// <summary>The format that most bytes of a checkpoint have.</summary>
    public static DType PublishedFormat(Checkpoint checkpoint) => checkpoint.Tensors.Values
        .Where(tensor => tensor.DType is not null)
        .GroupBy(tensor => tensor.DType!.Value)
        .MaxBy(group => group.Sum(tensor => tensor.Shape.Aggregate(1L, (product, size) => product * size)))?.Key ?? DType.F32;

    /// <summary>Opens an adapter of this model.</summary>
    /// <exception cref="AdapterException">It does not fit.</exception>
    public Adapter OpenAdapter(string directory, string? taskNames = null) => AdapterReader.Open(directory, Model.LinearModules, taskNames);

    /// <summary>A model with the recovered weights of a task, or of several composed. Dispose its model before this one.</summary>
    public TaskModel Merge(Adapter adapter, params ReadOnlySpan<AdapterTask> tasks)
    {
        _progress.Begin($"Recovering the weights of {string.Join(" + ", tasks.ToArray().Select(task => task.ToString()))}");
        CausalModel merged = Recovery.Merge(Model, _published, adapter, tasks, progress: new RecoveryReport(_progress));
        _progress.End();
        return TaskModel.Own(merged);
    }

    /// <summary>This model with the shared bank and the gate of a task, or of several composed.</summary>
    public TaskModel Share(Adapter adapter, DeviceBank bank, params ReadOnlySpan<AdapterTask> tasks) =>
        TaskModel.Shared(Model, bank.Deltas, adapter.GateRows(tasks));

    /// <summary>The recovered weight of one module in F32, [out, in].</summary>
    public float[] RecoverModule(Adapter adapter, int module, AdapterTask task) => Recovery.RecoverModule(Model, _published, adapter, module, task);

    /// <summary>Runs the checks of an adapter's bundle, shared and merged.</summary>
    public BundleVerification RunChecks(Adapter adapter, CancellationToken cancellation)
    {
        _progress.Begin("Running the checks");
        BundleVerification verification = BundleChecks.Verify(Model, _published, adapter, adapter.Checks ?? [], new CheckReport(_progress), cancellation);
        _progress.End();
        return verification;
    }

    /// <summary>Computes the checks of a bundle; only with weights in F32.</summary>
    /// <exception cref="AdapterException">There would be a check that cannot be computed or cannot fail.</exception>
    public IReadOnlyList<BundleCheck> ComputeChecks(Adapter adapter, IReadOnlyList<CheckPrompt> prompts, CancellationToken cancellation)
    {
        _progress.Begin("Computing the checks");
        IReadOnlyList<BundleCheck> checks = BundleChecks.Compute(Model, adapter, prompts, new CheckReport(_progress), cancellation);
        _progress.End();
        return checks;
    }

    public void Dispose()
    {
        Model.Dispose();
        _published.Dispose();
    }

    private sealed class LoadReport(ProgressSource progress) : IProgress<LoadProgress>
    {
        public void Report(LoadProgress value) => progress.Report((double)value.BytesDone / value.BytesTotal);
    }

    private sealed class CheckReport(ProgressSource progress) : IProgress<CheckProgress>
    {
        public void Report(CheckProgress value) => progress.Report((double)value.Done / value.Total);
    }

    private sealed class RecoveryReport(ProgressSource progress) : IProgress<RecoveryProgress>
    {
        public void Report(RecoveryProgress value) => progress.Report((double)value.Done / value.Total);
    }
}
