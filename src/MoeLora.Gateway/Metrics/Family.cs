using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;

namespace MoeLora.Gateway.Metrics;

/// <summary>What an instrument is to Prometheus.</summary>
internal enum FamilyKind
{
    /// <summary>Only rises.</summary>
    Counter,

    /// <summary>Goes up and down.</summary>
    Gauge,

    /// <summary>Counts values by size.</summary>
    Histogram,
}

/// <summary>An instrument and its series, one for each combination of tags' values.</summary>
internal sealed class Family
{
    private const string Overflow = "other";
    private const char Separator = '\u001f';

    // From a fast token to a slow answer.
    private static readonly double[] Seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
    private static readonly double[] Amounts = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

    private readonly int _maxSeries;
    private readonly bool _adds;
    private readonly bool _observed;
    private readonly double[] _bounds;
    private readonly ConcurrentDictionary<string, Series> _series = new();
    private readonly ConcurrentDictionary<string, Series>.AlternateLookup<ReadOnlySpan<char>> _lookup;

    /// <param name="instrument">The first instrument of this name; later ones of other meters add to it.</param>
    /// <param name="maxSeries">Most series.</param>
    public Family(Instrument instrument, int maxSeries)
    {
        Type type = instrument.GetType().IsGenericType ? instrument.GetType().GetGenericTypeDefinition() : instrument.GetType();
        Kind = type == typeof(Histogram<>) ? FamilyKind.Histogram
            : type == typeof(Counter<>) || type == typeof(ObservableCounter<>) ? FamilyKind.Counter
            : FamilyKind.Gauge;
        _observed = instrument.IsObservable;
        _adds = type == typeof(Counter<>) || type == typeof(UpDownCounter<>);
        Name = instrument.Name;
        Unit = instrument.Unit;
        Description = instrument.Description;
        _maxSeries = maxSeries;
        _bounds = Kind == FamilyKind.Histogram ? (Unit == "s" ? Seconds : Amounts) : [];
        _lookup = _series.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    public string Name { get; }

    public string? Unit { get; }

    public string? Description { get; }

    public FamilyKind Kind { get; }

    /// <summary>The upper bounds of a histogram's buckets, the last one (infinity) left out.</summary>
    public IReadOnlyList<double> Bounds => _bounds;

    public IEnumerable<Series> Series => _series.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.Value);

    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        char[] buffer = ArrayPool<char>.Shared.Rent(512);
        int length = Write(tags, buffer);
        if (length < 0 || !_lookup.TryGetValue(buffer.AsSpan(0, length), out Series? series))
            series = Add(tags);
        ArrayPool<char>.Shared.Return(buffer);
        if (Kind == FamilyKind.Histogram)
            series.Observe(value, _bounds);
        else if (_adds)
            series.Add(value);
        else
            series.Set(value);
    }

    /// <summary>Observed values are told anew each time; a series that is told no more is over.</summary>
    public void ForgetObserved()
    {
        if (_observed)
            _series.Clear();
    }

    private Series Add(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var labels = new KeyValuePair<string, string>[tags.Length];
        for (int i = 0; i < tags.Length; i++)
            labels[i] = new(tags[i].Key, Convert.ToString(tags[i].Value, CultureInfo.InvariantCulture) ?? "");
        if (_series.TryGetValue(Key(labels), out Series? known))
            return known;
        if (_series.Count >= _maxSeries)
            labels = [.. labels.Select(label => new KeyValuePair<string, string>(label.Key, Overflow))];
        return _series.GetOrAdd(Key(labels), static (_, of) => new Series(of.labels, of.buckets), (labels, buckets: Kind == FamilyKind.Histogram ? _bounds.Length + 1 : 0));
    }

    private static string Key(KeyValuePair<string, string>[] labels) => string.Concat(labels.Select(label => $"{label.Key}{Separator}{label.Value}{Separator}"));

    /// <summary>The tags as the key of their series; −1 where they do not fit.</summary>
    private static int Write(ReadOnlySpan<KeyValuePair<string, object?>> tags, Span<char> key)
    {
        int length = 0;
        foreach ((string name, object? value) in tags)
        {
            if (!Append(name, key, ref length))
                return -1;
            bool fits = value switch
            {
                null => Append("", key, ref length),
                string text => Append(text, key, ref length),
                int number => AppendNumber(number, key, ref length),
                _ => Append(Convert.ToString(value, CultureInfo.InvariantCulture) ?? "", key, ref length),
            };
            if (!fits)
                return -1;
        }

        return length;
    }

    private static bool Append(ReadOnlySpan<char> text, Span<char> key, ref int length)
    {
        if (text.Length + 1 > key.Length - length)
            return false;
        text.CopyTo(key[length..]);
        length += text.Length;
        key[length++] = Separator;
        return true;
    }

    private static bool AppendNumber(int number, Span<char> key, ref int length)
    {
        if (!number.TryFormat(key[length..], out int written, provider: CultureInfo.InvariantCulture) || written + 1 > key.Length - length)
            return false;
        length += written;
        key[length++] = Separator;
        return true;
    }
}
