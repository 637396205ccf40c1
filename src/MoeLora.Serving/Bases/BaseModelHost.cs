using MoeLora.Engine.Batching;
using MoeLora.Engine.Constraints;
using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Configs;
using MoeLora.Models.Prompts;
using MoeLora.Models.Tokenizers;
using MoeLora.Serving.Loading;
using MoeLora.Tensors;

namespace MoeLora.Serving.Bases;

/// <summary>One base model on one device, with the engine that drives both. Banks and recovered weights come and go on it.</summary>
internal sealed class BaseModelHost : IAsyncDisposable
{
    private const int UsualPositions = 2048;

    private readonly BaseModelOptions _options;
    private readonly Stack<IDisposable> _owned = []; // freed last first
    private readonly Lazy<ConstraintCompiler> _constraints;
    private long _adapterBytes;

    private BaseModelHost(BaseModelOptions options)
    {
        _options = options;
        _constraints = new Lazy<ConstraintCompiler>(() => new ConstraintCompiler(Tokenizer!.Require(), Model!.Config.VocabularySize));
    }

    public string Name => _options.ModelName;

    /// <summary>Where its files are; not for callers.</summary>
    public string Directory => _options.ModelDirectory;

    /// <summary>64 hexadecimal digits.</summary>
    public string Hash { get; private set; } = "";

    public CausalModel Model { get; private set; } = null!;

    public TokenizerLoad Tokenizer { get; private set; } = null!;

    /// <summary>The base model's files: what weights are recovered from.</summary>
    public Checkpoint Published { get; private set; } = null!;

    public BatchEngine Engine { get; private set; } = null!;

    public PromptFormat PromptFormat => _options.PromptFormat;

    public bool PrefixCache => _options.PrefixCache;

    /// <summary>Compiles what answers must look like. Only where there is a tokenizer.</summary>
    public ConstraintCompiler Constraints => _constraints.Value;

    /// <summary>Runs long work in short pieces between the engine's steps.</summary>
    public DeviceSlices Slices { get; private set; } = null!;

    /// <summary>Bytes of base weights, banks and recovered weights.</summary>
    public long WeightBytes => Model.ResidentBytes + Interlocked.Read(ref _adapterBytes);

    /// <summary>The kind of its device, as configurations name it.</summary>
    public string DeviceKind => DeviceKinds.KindOf(_options.Device);

    /// <summary>Its device among those of the node: the process's memory is one, whatever computes in it.</summary>
    public string DeviceId => Model.Device.MemoryBytes is null ? DeviceKinds.Cpu : _options.Device;

    /// <summary>Why it answers nothing any more; null while it does.</summary>
    public string? Fault => Engine.Fault;

    /// <summary>Bytes of the key/value blocks.</summary>
    public long KvBytes { get; private set; }

    /// <summary>Reads everything and starts the engine. Takes as long as reading the files; not for a thread that has other work.</summary>
    /// <exception cref="CheckpointException">The model or its tokenizer cannot be used.</exception>
    public static BaseModelHost Load(BaseModelOptions options, TimeProvider time, Action<GridLoading> report, CancellationToken cancellation)
    {
        var host = new BaseModelHost(options);
        try
        {
            host.Load(time, report, cancellation);
            return host;
        }
        catch
        {
            host.Free();
            throw;
        }
    }

    /// <summary>Counts memory of banks and recovered weights that came or went.</summary>
    public void CountAdapterBytes(long change) => Interlocked.Add(ref _adapterBytes, change);

    /// <summary>Ends all requests and frees everything.</summary>
    public async ValueTask DisposeAsync() => await Task.Run(Free); // the engine's end waits for its thread

    private void Load(TimeProvider time, Action<GridLoading> report, CancellationToken cancellation)
    {
        // What is small and may be wrong comes before what is large.
        string directory = Directory;
        ModelConfig config = ModelConfigReader.Read(directory);
        Tokenizer = TokenizerReader.Read(directory);
        Published = Own(Checkpoint.Open(directory));
        Hash = BaseModelHash.Hash(directory, (done, total) => report(new GridLoading("hashing the base model", done, total)), cancellation);
        Device device = Own(DeviceKinds.Open(_options.Device, _options.Threads));
        Model = Own(ModelLoader.Load(Published, config, device, _options.Weights, new Relay<LoadProgress>(progress =>
        {
            cancellation.ThrowIfCancellationRequested();
            report(new GridLoading("reading the weights", progress.BytesDone, progress.BytesTotal));
        })));
        var metrics = new EngineMetrics(Name, device.Name);
        var engine = new EngineOptions
        {
            MaxSequences = _options.MaxSequences,
            QueueLength = _options.QueueLength,
            TenantQueueLength = _options.TenantQueueLength,
            StepTokens = _options.StepTokens,
            OnStart = device.PinThread,
            OnStep = metrics.Step,
        };
        int blocks = Blocks(engine.BlockPositions);
        KvBytes = Model.KvBytesPerPosition * engine.BlockPositions * blocks;
        Engine = Own(new BatchEngine(Model, Tokenizer.Tokenizer, engine with { Blocks = blocks }, time));
        metrics.Watch(Engine);
        Own(metrics);
        Slices = new DeviceSlices(Engine, time);
    }

    private int Blocks(int blockPositions)
    {
        long context = (Model.Config.MaxPositions + blockPositions - 1) / blockPositions;
        if (_options.KvBytes is { } bytes)
            return BatchEngine.BlocksIn(Model, bytes, blockPositions);
        long wanted = (long)_options.MaxSequences * Math.Min(UsualPositions, Model.Config.MaxPositions) / blockPositions;
        long affordable = BatchEngine.BlocksIn(Model, (Model.Device.MemoryBytes ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes) / 4, blockPositions);
        return (int)Math.Max(context, Math.Min(wanted, affordable));
    }

    private T Own<T>(T owned)
        where T : IDisposable
    {
        _owned.Push(owned);
        return owned;
    }

    private void Free()
    {
        while (_owned.TryPop(out IDisposable? owned))
            owned.Dispose();
    }
}
