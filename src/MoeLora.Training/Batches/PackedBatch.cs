using System.Runtime.InteropServices;

namespace MoeLora.Training.Batches;

/// <summary>
/// Samples packed one after the other into the rows of one pass. Nothing of a sample is seen from another: attention stays inside its span, and
/// its positions begin at 0. A sample's last token is no row, as nothing is predicted from it.
/// </summary>
public sealed class PackedBatch
{
    private readonly List<int> _targetRows = [];
    private readonly List<int> _targets = [];

    /// <summary>Rows so far.</summary>
    public int Rows => Pass.Rows;

    /// <summary>The rows themselves.</summary>
    internal PassRows Pass { get; } = new();

    /// <summary>The rows whose next token is part of an answer, ascending.</summary>
    public ReadOnlySpan<int> TargetRows => CollectionsMarshal.AsSpan(_targetRows);

    /// <summary>The token that each of <see cref="TargetRows"/> should predict.</summary>
    public ReadOnlySpan<int> Targets => CollectionsMarshal.AsSpan(_targets);

    /// <summary>How many rows a sample takes.</summary>
    public static int RowsOf(TrainingSample sample) => sample.Tokens.Length - 1;

    /// <summary>Appends a sample.</summary>
    /// <exception cref="ArgumentException">It has no prompt or no answer.</exception>
    public void Add(TrainingSample sample)
    {
        if (sample.PromptLength < 1 || sample.TargetCount < 1)
            throw new ArgumentException($"A sample needs a prompt and an answer; this one has {sample.PromptLength} and {sample.TargetCount} tokens.", nameof(sample));
        int first = Rows, rows = RowsOf(sample);
        Pass.Add(sample.Tokens.AsSpan(0, rows), sample.TaskId, sample.Shape);
        for (int i = sample.PromptLength - 1; i < rows; i++)
        {
            _targetRows.Add(first + i);
            _targets.Add(sample.Tokens[i + 1]);
        }
    }

    /// <summary>
    /// Divides samples into passes of at most <paramref name="maxRows"/> rows, in order; a sample that is longer alone makes a pass of its own.
    /// </summary>
    public static List<PackedBatch> Pack(IEnumerable<TrainingSample> samples, int maxRows)
    {
        var batches = new List<PackedBatch>();
        PackedBatch? current = null;
        foreach (TrainingSample sample in samples)
        {
            if (current is null || current.Rows + RowsOf(sample) > maxRows)
                batches.Add(current = new PackedBatch());
            current.Add(sample);
        }
        return batches;
    }
}
