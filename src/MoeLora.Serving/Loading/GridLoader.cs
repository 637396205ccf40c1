using MoeLora.Adapters;
using MoeLora.Adapters.Experts;
using MoeLora.Adapters.Import;
using MoeLora.Contracts;
using MoeLora.Engine.Generation;
using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Configs;
using MoeLora.Models.Tokenizers;
using MoeLora.Serving.Tasks;
using MoeLora.Tensors;

namespace MoeLora.Serving.Loading;

/// <summary>Reads model, tokenizer and adapter, checks that they belong together, and lays out every task. Runs on the model's thread.</summary>
internal sealed class GridLoader(LocalGridOptions options, Device device, TimeProvider time, Action<GridLoading> report, CancellationToken cancellation)
{
    // What to give back when a later step fails, last first.
    private readonly Stack<IDisposable> _owned = [];

    /// <exception cref="CheckpointException">The model or its tokenizer cannot be used.</exception>
    /// <exception cref="AdapterException">The adapter cannot be used, or not with this model; it lists all mismatches.</exception>
    /// <exception cref="UnknownTaskException">A task to merge is not one of the adapter.</exception>
    public LoadedModel Load()
    {
        try
        {
            return LoadAll();
        }
        catch
        {
            while (_owned.TryPop(out IDisposable? owned))
                owned.Dispose();
            throw;
        }
    }

    private LoadedModel LoadAll()
    {
        // What is small and may be wrong comes before what is large.
        ModelConfig config = ModelConfigReader.Read(options.ModelDirectory);
        TokenizerLoad tokenizer = TokenizerReader.Read(options.ModelDirectory);
        Checkpoint published = Own(Checkpoint.Open(options.ModelDirectory));
        string baseHash = BaseModelHash.Hash(options.ModelDirectory, (done, total) => report(new GridLoading("hashing the base model", done, total)), cancellation);
        var weightsProgress = new Relay<LoadProgress>(progress =>
        {
            cancellation.ThrowIfCancellationRequested();
            report(new GridLoading("reading the weights", progress.BytesDone, progress.BytesTotal));
        });
        CausalModel model = Own(ModelLoader.Load(published, config, device, options.Weights, weightsProgress));
        Generator generator = Own(new Generator(model, tokenizer.Tokenizer, time));
        return options.AdapterDirectory is null
            ? ServeBase(model, baseHash, tokenizer, published, generator)
            : ServeTasks(model, baseHash, tokenizer, published, generator, options.AdapterDirectory);
    }

    private LoadedModel ServeBase(CausalModel model, string baseHash, TokenizerLoad tokenizer, Checkpoint published, Generator generator)
    {
        published.Dispose();
        ServedTask task = ServedTask.Of(Describe(model, null, ServingMode.Base), null, [], TaskModel.Own(model));
        return new LoadedModel(model, baseHash, tokenizer, null, null, null, new TaskCatalog([task]), generator);
    }

    private LoadedModel ServeTasks(CausalModel model, string baseHash, TokenizerLoad tokenizer, Checkpoint published, Generator generator, string adapterDirectory)
    {
        report(new GridLoading("reading the adapter", 0, 0));
        Adapter adapter = AdapterReader.Open(adapterDirectory, model.LinearModules, options.TaskNamesFile, baseHash);
        string adapterHash = AdapterHash.Of(adapter, adapterDirectory);
        HashSet<AdapterTask> merged = MergedTasks(adapter);
        DeviceBank? bank = merged.Count < adapter.Tasks.Count ? Own(adapter.ToDevice(model)) : null;

        ServedTask[] tasks = [.. adapter.Tasks.Select(task => Serve(model, published, adapter, task, merged.Contains(task) ? null : bank))];
        foreach (ServedTask task in tasks)
            Own(task);
        if (options.MergeAtStart)
        {
            ServedTask[] waiting = [.. tasks.Where(task => task.Description.Mode == ServingMode.Merged)];
            for (int i = 0; i < waiting.Length; i++)
            {
                report(new GridLoading("recovering tasks", i, waiting.Length));
                waiting[i].Resolve(cancellation);
            }
        }

        if (merged.Count == 0)
            published.Dispose();
        return new LoadedModel(model, baseHash, tokenizer, adapterHash, bank, merged.Count == 0 ? null : published, new TaskCatalog(tasks), generator);
    }

    /// <summary>Serves a task from the bank, or with weights of its own when there is none for it.</summary>
    private ServedTask Serve(CausalModel model, Checkpoint published, Adapter adapter, AdapterTask task, DeviceBank? bank)
    {
        ModelDescription description = Describe(model, task, bank is null ? ServingMode.Merged : ServingMode.Shared);
        IReadOnlyList<IReadOnlyList<float>> weights = adapter.Kind == AdapterKind.Lora ? [] : adapter.Weights(task);
        return bank is null
            ? ServedTask.Merged(description, task, weights, recovering => Recovery.Merge(model, published, adapter, [task], cancellation: recovering))
            : ServedTask.Of(description, task, weights, TaskModel.Shared(model, bank.Deltas, adapter.GateRows(task)));
    }

    private ModelDescription Describe(CausalModel model, AdapterTask? task, ServingMode mode) =>
        new(task?.Name.ToString() ?? options.ModelName, task?.Id, options.ModelName, mode, model.Config.MaxPositions, time.GetUtcNow());

    private HashSet<AdapterTask> MergedTasks(Adapter adapter)
    {
        if (options.MergeAllTasks)
            return [.. adapter.Tasks];
        string[] unknown = [.. options.MergedTasks.Where(name => adapter.FindTask(name) is null)];
        if (unknown.Length > 0)
            throw new UnknownTaskException(TaskCatalog.Missing(unknown, [.. adapter.Tasks.Select(task => task.ToString())]));
        return [.. options.MergedTasks.Select(name => adapter.FindTask(name)!)];
    }

    private T Own<T>(T owned)
        where T : IDisposable
    {
        _owned.Push(owned);
        return owned;
    }
}
