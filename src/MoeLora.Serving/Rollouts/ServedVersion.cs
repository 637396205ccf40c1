using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using MoeLora.Adapters;
using MoeLora.Adapters.Bundles;

namespace MoeLora.Serving.Rollouts;

/// <summary>
/// A version in memory and the answers that run on it. Each holds a pin from its admission to its last token; the weights are freed only
/// when no pin is left.
/// </summary>
internal sealed class ServedVersion
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, AdapterTask> _byName;
    private readonly Dictionary<int, AdapterTask> _byId;
    private TaskCompletionSource? _idle; // there while closed
    private int _pins;

    public ServedVersion(BundleManifest manifest, ILoadedVersion loaded)
    {
        Manifest = manifest;
        Key = AdapterVersionKey.Of(manifest);
        Loaded = loaded;
        _byName = manifest.Tasks.ToDictionary(task => task.Name.ToString(), StringComparer.Ordinal);
        _byId = manifest.Tasks.ToDictionary(task => task.Id);
    }

    public AdapterVersionKey Key { get; }

    public BundleManifest Manifest { get; }

    /// <summary>What the host made of it.</summary>
    public ILoadedVersion Loaded { get; }

    /// <summary>What its answers as a shadow showed.</summary>
    public ShadowScore Shadow { get; } = new();

    /// <summary>Answers that run or wait on it now.</summary>
    public int Pins
    {
        get
        {
            lock (_gate)
                return _pins;
        }
    }

    public AdapterTask? FindTask(string name) => _byName.GetValueOrDefault(name);

    /// <summary>The task of this name; only when there is none, the one whose id the text spells.</summary>
    public AdapterTask? FindTaskOrId(string text) =>
        FindTask(text) ?? (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int id) ? _byId.GetValueOrDefault(id) : null);

    /// <summary>Keeps the version in memory until the pin is disposed. False when it takes no more answers: a newer routing table says where they go.</summary>
    public bool TryPin([NotNullWhen(true)] out VersionPin? pin)
    {
        lock (_gate)
        {
            pin = _idle is null ? new VersionPin(this) : null;
            if (pin is not null)
                _pins++;
            return pin is not null;
        }
    }

    /// <summary>Takes no more pins. The table that leads here must have been replaced before.</summary>
    /// <returns>Completes when no pin is left.</returns>
    public Task Close()
    {
        lock (_gate)
        {
            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_pins == 0)
                _idle.TrySetResult();
            return _idle.Task;
        }
    }

    /// <summary>Takes pins again, after its drain was called off.</summary>
    public void Reopen()
    {
        lock (_gate)
            _idle = null;
    }

    internal void Unpin()
    {
        lock (_gate)
        {
            if (--_pins == 0)
                _idle?.TrySetResult();
        }
    }
}

/// <summary>One answer's hold on a version, from its admission to its last token. Disposing it twice does no harm.</summary>
internal sealed class VersionPin(ServedVersion version) : IDisposable
{
    private int _disposals;

    public ServedVersion Version => version;

    public void Dispose()
    {
        if (Interlocked.Increment(ref _disposals) == 1)
            version.Unpin();
    }
}

/// <summary>How often a shadow's answers were those of the active version. Counts from its load.</summary>
internal sealed class ShadowScore
{
    private long _compared;
    private long _equal;
    private long _dropped;

    public long Compared => Interlocked.Read(ref _compared);

    public long Equal => Interlocked.Read(ref _equal);

    /// <summary>Requests that were not copied, because the engine was busy.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    public void Add(bool equal)
    {
        if (equal)
            Interlocked.Increment(ref _equal);
        Interlocked.Increment(ref _compared);
    }

    public void Drop() => Interlocked.Increment(ref _dropped);
}
