using MoeLora.Adapters.Experts;
using MoeLora.Adapters.Gates;
using MoeLora.Models;
using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;

namespace MoeLora.Adapters;

/// <summary>How far a recovery is.</summary>
/// <param name="Done">Modules recovered.</param>
/// <param name="Total">Modules to recover.</param>
public readonly record struct RecoveryProgress(int Done, int Total);

/// <summary>
/// Builds a task's own weights W_j = W0 + (α/r) · B · diag(ω_j) · A (arXiv 2310.18339, equation 8), always from the published
/// weights W0 and in F32, rounded once to the format that they are kept in. Nothing is ever added to or taken from weights in use.
/// </summary>
public static class Recovery
{
    /// <summary>A model that serves one task (or composed task) with its own weights and shares everything else with <paramref name="model"/>.</summary>
    /// <param name="model">The base model. It must outlive the result.</param>
    /// <param name="published">
    /// The base model's files, from which W0 is read. Null only when the resident weights of <paramref name="model"/> are the published
    /// values exactly: a base model (not a merged one) kept in F32 or in the dtype of its files, or one that has no files.
    /// </param>
    /// <param name="adapter">Read for this model.</param>
    /// <param name="tasks">One task, or several to be composed.</param>
    /// <param name="format">How the recovered weights are kept; by default as the model keeps its own.</param>
    /// <param name="progress">Told after each module.</param>
    /// <param name="cancellation">Stops between modules.</param>
    /// <exception cref="ArgumentException">The adapter was read for another model, or a task belongs to another adapter.</exception>
    /// <exception cref="CheckpointException">A weight cannot be read.</exception>
    public static CausalModel Merge(
        CausalModel model,
        Checkpoint? published,
        Adapter adapter,
        ReadOnlySpan<AdapterTask> tasks,
        DType? format = null,
        IProgress<RecoveryProgress>? progress = null,
        CancellationToken cancellation = default) =>
        MergeAsync(model, published, adapter, tasks.ToArray(), DeviceTurns.Inline, format, progress, cancellation).GetAwaiter().GetResult();

    /// <summary>As <see cref="Merge"/>, in pieces of one module, so that the device does other work between them.</summary>
    /// <param name="model">The base model.</param>
    /// <param name="published">Its files.</param>
    /// <param name="adapter">Read for this model.</param>
    /// <param name="tasks">One task, or several to be composed.</param>
    /// <param name="turn">Runs each piece.</param>
    /// <param name="format">How the recovered weights are kept.</param>
    /// <param name="progress">Told after each module.</param>
    /// <param name="cancellation">Stops between modules.</param>
    /// <exception cref="ArgumentException">The adapter was read for another model, or a task belongs to another adapter.</exception>
    /// <exception cref="CheckpointException">A weight cannot be read.</exception>
    public static async Task<CausalModel> MergeAsync(
        CausalModel model,
        Checkpoint? published,
        Adapter adapter,
        IReadOnlyList<AdapterTask> tasks,
        DeviceTurn turn,
        DType? format = null,
        IProgress<RecoveryProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        adapter.Bank.RequireSameModules(model);
        IReadOnlyList<GateWeights> weights = adapter.Weights([.. tasks]);
        var recovered = new Dictionary<int, Tensor>();
        try
        {
            for (int i = 0; i < adapter.Bank.Modules.Count; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                int position = i;
                await turn(() =>
                {
                    LinearModule module = adapter.Bank.Modules[position].Module;
                    Tensor destination = model.Device.Allocate(format ?? model.WeightFormat, module.OutFeatures, module.InFeatures);
                    recovered.Add(module.Index, destination);
                    Recover(model, published, adapter.Bank, position, weights, destination);
                });
                progress?.Report(new RecoveryProgress(i + 1, adapter.Bank.Modules.Count));
            }

            return model.WithWeights(recovered);
        }
        catch
        {
            foreach (Tensor tensor in recovered.Values)
                tensor.Dispose();
            throw;
        }
    }

    /// <summary>The recovered weight of one module in F32, [out, in] row-major: what <see cref="Merge"/> rounds and keeps.</summary>
    /// <param name="model">The base model.</param>
    /// <param name="published">As for <see cref="Merge"/>.</param>
    /// <param name="adapter">Read for this model.</param>
    /// <param name="module">Position in the bank's <see cref="ExpertBank.Modules"/>.</param>
    /// <param name="tasks">One task, or several to be composed.</param>
    /// <exception cref="ArgumentException">As for <see cref="Merge"/>.</exception>
    public static float[] RecoverModule(CausalModel model, Checkpoint? published, Adapter adapter, int module, params ReadOnlySpan<AdapterTask> tasks)
    {
        adapter.Bank.RequireSameModules(model);
        LinearModule layer = adapter.Bank.Modules[module].Module;
        using Tensor destination = model.Device.Allocate(DType.F32, layer.OutFeatures, layer.InFeatures);
        Recover(model, published, adapter.Bank, module, adapter.Weights(tasks), destination);
        float[] result = new float[checked(layer.OutFeatures * layer.InFeatures)];
        for (int row = 0; row < layer.OutFeatures; row++)
            model.Device.Download(destination, row, result.AsSpan(row * layer.InFeatures, layer.InFeatures));
        return result;
    }

    private static void Recover(CausalModel model, Checkpoint? published, ExpertBank bank, int position, IReadOnlyList<GateWeights> weights, Tensor destination)
    {
        AdaptedModule adapted = bank.Modules[position];
        float[] gate = weights[weights.Count == 1 ? 0 : position].ToRow(bank.ExpertRank, bank.Scaling);
        var scratch = new List<Tensor>();
        try
        {
            // F32 whatever the format of the model: a recovered weight is rounded once, when it is stored.
            LowRankDelta delta = DeviceBank.Upload(adapted, model.Device, DType.F32, scratch);
            if (published is null)
                model.Device.Recover(model.Weight(adapted.Module), delta, gate, destination);
            else
                model.Device.Recover(PublishedWeight(published, adapted.Module), delta, gate, destination);
        }
        finally
        {
            foreach (Tensor tensor in scratch)
                tensor.Dispose();
        }
    }

    private static TensorView PublishedWeight(Checkpoint published, LinearModule module)
    {
        TensorView view = published.View(module.Name + ".weight");
        if (view.Rows != module.OutFeatures || view.Columns != module.InFeatures)
            throw new CheckpointException($"'{module.Name}.weight' is [{view.Rows}, {view.Columns}] in {published.Files[0]}, but the model was built with [{module.OutFeatures}, {module.InFeatures}]: these are not the model's files.");
        return view;
    }
}
