using System.Runtime.InteropServices;
using MoeLora.Tensors;

namespace MoeLora.Training.Batches;

/// <summary>Rows of one sequence in a pass: a whole sample, or the next tokens of a sequence that is being generated.</summary>
/// <param name="FirstRow">Its first row.</param>
/// <param name="RowCount">How many rows follow each other.</param>
/// <param name="Past">Positions before the first row; 0 for a whole sample.</param>
/// <param name="Shape">Of its prompt.</param>
internal readonly record struct PassSpan(int FirstRow, int RowCount, int Past, PromptShape Shape);

/// <summary>
/// The rows of one pass through a network: either whole samples, which attend to themselves, or next tokens of sequences whose earlier keys and
/// values are in caches. The two do not mix.
/// </summary>
internal sealed class PassRows
{
    private readonly List<int> _tokens = [];
    private readonly List<int> _tasks = [];
    private readonly List<PassSpan> _spans = [];
    private readonly List<SelfSpan> _selfSpans = [];
    private readonly List<AttentionSpan> _cacheSpans = [];

    public int Rows => _tokens.Count;

    /// <summary>Token ids by row.</summary>
    public ReadOnlySpan<int> Tokens => CollectionsMarshal.AsSpan(_tokens);

    /// <summary>Task ids by row.</summary>
    public ReadOnlySpan<int> Tasks => CollectionsMarshal.AsSpan(_tasks);

    public ReadOnlySpan<PassSpan> Spans => CollectionsMarshal.AsSpan(_spans);

    /// <summary>The samples, for attention inside them; empty when the pass reads caches.</summary>
    public ReadOnlySpan<SelfSpan> SelfSpans => CollectionsMarshal.AsSpan(_selfSpans);

    /// <summary>The sequences, for attention to caches; empty when the pass has whole samples.</summary>
    public ReadOnlySpan<AttentionSpan> CacheSpans => CollectionsMarshal.AsSpan(_cacheSpans);

    /// <summary>Adds a whole sample.</summary>
    public void Add(ReadOnlySpan<int> tokens, int task, PromptShape shape)
    {
        int first = Take(tokens, task);
        _spans.Add(new PassSpan(first, tokens.Length, 0, shape));
        _selfSpans.Add(new SelfSpan(first, tokens.Length, Math.Min(shape.VisiblePrefix, tokens.Length)));
    }

    /// <summary>Adds the next tokens of a sequence whose first <paramref name="past"/> positions are in <paramref name="cache"/>.</summary>
    public void Add(ReadOnlySpan<int> tokens, int task, PromptShape shape, KvCache cache, int past)
    {
        int first = Take(tokens, task);
        _spans.Add(new PassSpan(first, tokens.Length, past, shape));
        _cacheSpans.Add(new AttentionSpan { Cache = cache, FirstRow = first, RowCount = tokens.Length, Past = past, VisiblePrefix = shape.VisiblePrefix });
    }

    public void Clear()
    {
        _tokens.Clear();
        _tasks.Clear();
        _spans.Clear();
        _selfSpans.Clear();
        _cacheSpans.Clear();
    }

    private int Take(ReadOnlySpan<int> tokens, int task)
    {
        int first = Rows;
        _tokens.AddRange(tokens);
        CollectionsMarshal.SetCount(_tasks, first + tokens.Length);
        CollectionsMarshal.AsSpan(_tasks)[first..].Fill(task);
        return first;
    }
}
