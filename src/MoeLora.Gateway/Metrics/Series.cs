namespace MoeLora.Gateway.Metrics;

/// <summary>The values of one combination of labels. Safe for any number of threads at once.</summary>
internal sealed class Series(IReadOnlyList<KeyValuePair<string, string>> labels, int buckets)
{
    private readonly long[] _buckets = new long[buckets];
    private readonly Lock _lock = new();
    private double _value;

    public IReadOnlyList<KeyValuePair<string, string>> Labels => labels;

    public void Add(double value)
    {
        lock (_lock)
            _value += value;
    }

    public void Set(double value)
    {
        lock (_lock)
            _value = value;
    }

    public void Observe(double value, double[] bounds)
    {
        int bucket = 0;
        while (bucket < bounds.Length && value > bounds[bucket])
            bucket++;
        lock (_lock)
        {
            _buckets[bucket]++;
            _value += value;
        }
    }

    /// <summary>The value, or a histogram's sum with the count of each bucket.</summary>
    public (double Value, long[] Buckets) Read()
    {
        lock (_lock)
            return (_value, [.. _buckets]);
    }
}
