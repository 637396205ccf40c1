using System.Text;

namespace MoeLora.Training.Records;

/// <summary>Collects what is wrong with files of records while they are read: the first problems in words, of all others the number.</summary>
public sealed class RecordProblems
{
    /// <summary>So many are kept in words; a file of wrong lines only is no reason to print it all.</summary>
    public const int MostInWords = 40;

    private readonly List<RecordProblem> _first = [];
    private readonly SortedDictionary<RecordProblemKind, int> _counts = [];

    /// <summary>All problems.</summary>
    public int Count { get; private set; }

    /// <summary>Lines that gave no record; a line may have several problems.</summary>
    public int BadLines { get; private set; }

    /// <summary>The first <see cref="MostInWords"/>.</summary>
    public IReadOnlyList<RecordProblem> First => _first;

    /// <summary>How many there are of each kind that occurred.</summary>
    public IReadOnlyDictionary<RecordProblemKind, int> Counts => _counts;

    /// <summary>Adds one.</summary>
    public void Add(RecordProblem problem)
    {
        Count++;
        _counts[problem.Kind] = _counts.GetValueOrDefault(problem.Kind) + 1;
        if (_first.Count < MostInWords)
            _first.Add(problem);
    }

    /// <summary>Adds those of another file.</summary>
    public void Add(RecordProblems others)
    {
        Count += others.Count;
        BadLines += others.BadLines;
        foreach ((RecordProblemKind kind, int count) in others.Counts)
            _counts[kind] = _counts.GetValueOrDefault(kind) + count;
        _first.AddRange(others.First.Take(MostInWords - _first.Count));
    }

    /// <summary>Fails when there are any.</summary>
    /// <exception cref="RecordException">With all that <see cref="ToString"/> says.</exception>
    public void ThrowIfAny()
    {
        if (Count > 0)
            throw new RecordException(ToString());
    }

    /// <summary>The first problems, one a line, then how many more there are.</summary>
    public override string ToString()
    {
        var text = new StringBuilder().AppendJoin('\n', _first);
        if (Count > _first.Count)
            text.Append('\n').Append($"… and {Count - _first.Count} more: {DescribeCounts()} in all.");
        return text.ToString();
    }

    /// <summary>Such as <c>2 encoding, 1 duplicate_id</c>.</summary>
    public string DescribeCounts() => string.Join(", ", _counts.Select(count => $"{count.Value} {Name(count.Key)}"));

    /// <summary>A kind in snake case.</summary>
    public static string Name(RecordProblemKind kind) => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(kind.ToString());

    internal void AddBadLine() => BadLines++;
}
