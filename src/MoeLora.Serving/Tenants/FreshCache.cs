using System.Collections.Concurrent;

namespace MoeLora.Serving.Tenants;

/// <summary>
/// Remembers what the database says for a short time: a change made elsewhere holds when that is over, one made here at once. One caller asks
/// the database for all that wait for the same thing.
/// </summary>
/// <param name="load">Asks the database; null for what is not there.</param>
/// <param name="lifetime">How long an answer is taken to be true.</param>
/// <param name="time">The clock.</param>
/// <param name="most">Most answers kept; at one more all are forgotten.</param>
internal sealed class FreshCache<T>(Func<string, Task<T?>> load, TimeSpan lifetime, TimeProvider time, int most)
    where T : class
{
    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private int _count; // about as many as there are; the dictionary's own count takes all of its locks

    /// <summary>What is remembered, without waiting.</summary>
    /// <returns>False where it must be asked for.</returns>
    public bool TryGet(ReadOnlySpan<char> key, out T? value)
    {
        value = null;
        if (!_entries.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(key, out Entry? entry) || !IsFresh(entry) || !entry.Value.IsCompletedSuccessfully)
            return false;
        value = entry.Value.Result;
        return true;
    }

    /// <summary>What is remembered, or what the database says.</summary>
    public async Task<T?> GetAsync(string key, CancellationToken cancellation)
    {
        if (!_entries.TryGetValue(key, out Entry? entry) || !IsFresh(entry))
            entry = Renew(key, entry);
        try
        {
            return await entry.Value.WaitAsync(cancellation);
        }
        catch when (entry.Value.IsFaulted)
        {
            _entries.TryRemove(new KeyValuePair<string, Entry>(key, entry)); // the next one asks again
            throw;
        }
    }

    /// <summary>Forgets one.</summary>
    public void Forget(string key) => _entries.TryRemove(key, out _);

    /// <summary>Forgets all.</summary>
    public void Clear()
    {
        _entries.Clear();
        Interlocked.Exchange(ref _count, 0);
    }

    private bool IsFresh(Entry entry) => time.GetElapsedTime(entry.Asked) < lifetime;

    private Entry Renew(string key, Entry? stale)
    {
        var renewed = new Entry(time.GetTimestamp(), new Lazy<Task<T?>>(() => load(key)));
        if (stale is null)
        {
            if (Interlocked.Increment(ref _count) > most)
                Clear();
            return _entries.GetOrAdd(key, renewed);
        }

        return _entries.TryUpdate(key, renewed, stale) ? renewed : _entries.GetOrAdd(key, renewed);
    }

    /// <summary>An answer, or the question under way.</summary>
    private sealed class Entry(long asked, Lazy<Task<T?>> value)
    {
        public long Asked => asked;

        public Task<T?> Value => value.Value;
    }
}
