using System.Collections.Concurrent;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts;
using MoeLora.Serving.Rollouts;
using MoeLora.Serving.Tests.Registry;

namespace MoeLora.Serving.Tests.Rollouts;

/// <summary>Holds no weights, but is slow, refuses and fails as it is told, and knows what is in its memory.</summary>
internal sealed class FakeHost : IVersionHost
{
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _gates = [];
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _arrivals = [];

    public IReadOnlyDictionary<string, string> BaseModels { get; set; } = new Dictionary<string, string>
    {
        [TestBundle.BaseModelHash] = "small",
        [TestBundle.OtherBaseModelHash] = "other",
    };

    /// <summary>Versions that do not prove themselves, and why.</summary>
    public ConcurrentDictionary<string, string> Refused { get; } = [];

    /// <summary>Versions whose load is a bug.</summary>
    public ConcurrentDictionary<string, Exception> Thrown { get; } = [];

    /// <summary>What is in memory, by <c>bank@version</c>.</summary>
    public ConcurrentDictionary<string, FakeVersion> Memory { get; } = [];

    /// <summary>Every load that was begun.</summary>
    public ConcurrentQueue<string> Loads { get; } = [];

    /// <summary>Lets loads of a version begin and then wait until the returned source is set.</summary>
    public TaskCompletionSource Hold(string key)
    {
        _arrivals[key] = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return _gates[key] = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>Completes when a held load has begun.</summary>
    public Task ArrivalAsync(string key) => _arrivals[key].Task.WaitAsync(TimeSpan.FromMinutes(5));

    public async Task<LoadOutcome> LoadAsync(AdapterBundle bundle, CancellationToken cancellation)
    {
        string key = AdapterVersionKey.Of(bundle.Manifest).ToString();
        Loads.Enqueue(key);
        if (_gates.TryGetValue(key, out TaskCompletionSource? gate))
        {
            _arrivals[key].TrySetResult();
            await gate.Task.WaitAsync(cancellation);
        }

        if (Thrown.TryGetValue(key, out Exception? bug))
            throw bug;
        if (Refused.TryGetValue(key, out string? problem))
            return LoadOutcome.Refused(problem);
        var version = new FakeVersion(this, key);
        Assert.True(Memory.TryAdd(key, version), $"{key} is in memory twice.");
        return LoadOutcome.Proven(version);
    }
}

/// <summary>A version in the memory of a <see cref="FakeHost"/>.</summary>
internal sealed class FakeVersion(FakeHost host, string key) : ILoadedVersion
{
    private readonly ConcurrentDictionary<VersionPin, GridError?> _sequences = [];

    public string Key => key;

    /// <summary>Errors of sequences that were ended.</summary>
    public ConcurrentQueue<GridError> Ended { get; } = [];

    /// <summary>Whether ending sequences gives their pins back at once, as it should.</summary>
    public bool EndsAtOnce { get; set; } = true;

    /// <summary>A sequence begins to run: its pin is given back when it is ended.</summary>
    public void Run(VersionPin pin) => _sequences[pin] = null;

    public void EndSequences(GridError error)
    {
        foreach (VersionPin pin in _sequences.Keys)
        {
            Ended.Enqueue(error);
            if (EndsAtOnce)
                pin.Dispose();
        }
    }

    public ValueTask DisposeAsync()
    {
        Assert.True(host.Memory.TryRemove(KeyValuePair.Create(key, this)), $"{key} was freed twice.");
        return ValueTask.CompletedTask;
    }
}
