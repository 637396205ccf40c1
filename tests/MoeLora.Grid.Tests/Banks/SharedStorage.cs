using System.Collections.Concurrent;
using System.Globalization;
using MoeLora.Grid.Banks;
using Orleans.Storage;

namespace MoeLora.Grid.Tests.Banks;

/// <summary>The grain storage of a test's cluster: kept as JSON as real ones keep it, fenced by an ETag, and failing when it is told to.</summary>
internal sealed class SharedStorage : IGrainStorage
{
    private readonly ConcurrentDictionary<(string State, GrainId Grain), (BinaryData Data, long Version)> _rows = new();

    /// <summary>How states become bytes; the first silo's.</summary>
    public IGrainStorageSerializer Serializer { get; set; } = null!;

    /// <summary>Writes fail before anything is written.</summary>
    public bool Unwritable { get; set; }

    /// <summary>The next write succeeds, but its answer is lost.</summary>
    public bool LoseAnswer { get; set; }

    /// <summary>Reads fail.</summary>
    public bool Unreadable { get; set; }

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (Unreadable)
            throw new IOException("The storage is not there.");
        if (_rows.TryGetValue((stateName, grainId), out (BinaryData Data, long Version) row))
            (grainState.State, grainState.ETag, grainState.RecordExists) = (Serializer.Deserialize<T>(row.Data), row.Version.ToString(CultureInfo.InvariantCulture), true);
        else
            (grainState.State, grainState.ETag, grainState.RecordExists) = (Activator.CreateInstance<T>(), null!, false);
        return Task.CompletedTask;
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (Unwritable)
            throw new IOException("The storage is not there.");
        lock (_rows)
        {
            string? there = _rows.TryGetValue((stateName, grainId), out (BinaryData Data, long Version) row) ? row.Version.ToString(CultureInfo.InvariantCulture) : null;
            if (there != grainState.ETag)
                throw new InconsistentStateException("Somebody else has written.", there, grainState.ETag);
            _rows[(stateName, grainId)] = (Serializer.Serialize(grainState.State), row.Version + 1);
            if (LoseAnswer)
            {
                LoseAnswer = false;
                throw new IOException("The connection was lost.");
            }

            (grainState.ETag, grainState.RecordExists) = ((row.Version + 1).ToString(CultureInfo.InvariantCulture), true);
        }

        return Task.CompletedTask;
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => throw new NotSupportedException();

    /// <summary>A copy of all that is kept; what is called later sets the storage back to it.</summary>
    public Action Save()
    {
        var saved = _rows.ToArray();
        return () =>
        {
            foreach (var row in saved)
                _rows[row.Key] = row.Value;
        };
    }

    /// <summary>What a gate keeps, as another activation of it would see it.</summary>
    public StoredGate OtherGate(GrainId gate) => new(this, gate);
}

/// <summary>The state of a gate as an activation on the other side of a split network has it.</summary>
internal sealed class StoredGate(SharedStorage storage, GrainId gate) : IPersistentState<GateState>
{
    private readonly GrainState<GateState> _row = new(new GateState());

    public GateState State
    {
        get => _row.State!;
        set => _row.State = value;
    }

    public string Etag => _row.ETag!;

    public bool RecordExists => _row.RecordExists;

    public Task ReadStateAsync() => storage.ReadStateAsync("bank", gate, _row);

    public Task WriteStateAsync() => storage.WriteStateAsync("bank", gate, _row);

    public Task ClearStateAsync() => throw new NotSupportedException();
}
