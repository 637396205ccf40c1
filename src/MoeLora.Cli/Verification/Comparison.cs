namespace MoeLora.Cli.Verification;

/// <summary>One quantity compared with what a pack expects, over all tensors or sequences that hold it.</summary>
internal sealed class Comparison
{
    private readonly List<string> _faults = [];

    /// <param name="quantity">What is compared.</param>
    /// <param name="form">base, merged or shared; empty where it makes no difference.</param>
    /// <param name="tolerance">Largest absolute error allowed; 0 means equal.</param>
    /// <param name="judged">Whether an error past the tolerance is a failure.</param>
    public Comparison(string quantity, string form, double tolerance, bool judged = true)
    {
        Quantity = quantity;
        Form = form;
        Tolerance = tolerance;
        Judged = judged;
    }

    public string Quantity { get; }

    public string Form { get; }

    public double Tolerance { get; }

    public bool Judged { get; }

    /// <summary>Tensors, sequences or counts compared.</summary>
    public int Compared { get; private set; }

    /// <summary>Values compared in all.</summary>
    public long Values { get; private set; }

    /// <summary>Largest absolute difference; infinite where a value is not finite. For tokens, how many sequences differ.</summary>
    public double LargestError { get; private set; }

    /// <summary>Where the largest error is; null while there is none.</summary>
    public string? At { get; private set; }

    /// <summary>What could not be compared at all, or where tokens part.</summary>
    public IReadOnlyList<string> Faults => _faults;

    /// <summary>Whether everything agrees; null when not judged.</summary>
    public bool? Passed => Judged ? LargestError <= Tolerance && _faults.Count == 0 : null;

    /// <summary>Compares the values of a tensor.</summary>
    public void Add(string name, ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Compared++;
        Values += expected.Length;
        if (expected.Length != actual.Length)
        {
            _faults.Add($"{name}: {actual.Length} values, expected {expected.Length}.");
            return;
        }

        for (int i = 0; i < expected.Length; i++)
        {
            double error = Math.Abs((double)actual[i] - expected[i]);
            Take(double.IsFinite(error) ? error : double.PositiveInfinity, name);
        }
    }

    /// <summary>Compares a generated sequence token by token.</summary>
    public void Add(string name, IReadOnlyList<int> expected, IReadOnlyList<int> actual)
    {
        Compared++;
        Values += expected.Count;
        int same = expected.Zip(actual).TakeWhile(pair => pair.First == pair.Second).Count();
        if (same == expected.Count && same == actual.Count)
            return;
        Take(LargestError + 1, name);
        _faults.Add($"{name}: token {same} is {TokenAt(actual)}, expected {TokenAt(expected)}.");

        string TokenAt(IReadOnlyList<int> tokens) => same < tokens.Count ? $"{tokens[same]}" : "absent";
    }

    /// <summary>Compares a count.</summary>
    public void Add(string name, long expected, long actual)
    {
        Compared++;
        Values++;
        if (expected == actual)
            return;
        Take(Math.Abs((double)actual - expected), name);
        _faults.Add($"{name}: {actual}, expected {expected}.");
    }

    private void Take(double error, string name)
    {
        if (error > LargestError || At is null)
            (LargestError, At) = (error, name);
    }
}
