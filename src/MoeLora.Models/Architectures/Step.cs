using MoeLora.Tensors;

namespace MoeLora.Models.Architectures;

/// <summary>What every architecture reads of a batch: where each sequence's rows are, which rows want logits, the gates of both, and the orders of summation. Reused from step to step.</summary>
internal sealed class Step(Device device) : IDisposable
{
    private AttentionSpan[] _spans = [];
    private int[] _logitsRows = [];
    private int _spanCount;
    private int _logitsCount;

    /// <summary>One span for each sequence.</summary>
    public ReadOnlySpan<AttentionSpan> Spans => _spans.AsSpan(0, _spanCount);

    /// <summary>The rows that want logits, ascending.</summary>
    public ReadOnlySpan<int> LogitsRows => _logitsRows.AsSpan(0, _logitsCount);

    /// <summary>The order of the layers' sums.</summary>
    public LinearOrder Order { get; private set; }

    /// <summary>The order of the sums that make logits: Few where an order is fixed, because they are few in every step that is not a test.</summary>
    public LinearOrder LogitsOrder => Order == LinearOrder.Any ? LinearOrder.Any : LinearOrder.Few;

    /// <summary>The gates of all rows.</summary>
    public RowGates Gates { get; } = new(device);

    /// <summary>The gates of <see cref="LogitsRows"/>; only filled when they are fewer than all rows.</summary>
    public RowGates LogitsGates { get; } = new(device);

    /// <summary>Rounds a number of rows up to a multiple of 64: few regrowths on the way to the largest step, little waste at it.</summary>
    public static int Capacity(int rows) => checked(rows + 63) & ~63;

    public void Take(StepBatch batch)
    {
        if (_spans.Length < batch.Entries.Count)
            _spans = new AttentionSpan[Capacity(batch.Entries.Count)];
        if (_logitsRows.Length < batch.LogitsRows)
            _logitsRows = new int[Capacity(batch.LogitsRows)];

        Order = batch.Order;
        _spanCount = batch.Entries.Count;
        _logitsCount = 0;
        for (int i = 0; i < _spanCount; i++)
        {
            StepBatch.Entry entry = batch.Entries[i];
            _spans[i] = new AttentionSpan
            {
                Cache = entry.Sequence.Cache,
                FirstRow = entry.FirstRow,
                RowCount = entry.RowCount,
                Past = entry.Sequence.Length,
                VisiblePrefix = entry.Sequence.VisiblePrefix,
            };
            for (int row = entry.RowCount - entry.LogitsRows; row < entry.RowCount; row++)
                _logitsRows[_logitsCount++] = entry.FirstRow + row;
        }

        Gates.Fill(batch, logitsRowsOnly: false);
        if (batch.LogitsRows < batch.Rows)
            LogitsGates.Fill(batch, logitsRowsOnly: true);
    }

    /// <summary>Forgets the batch's caches and banks, so that a finished sequence is not kept alive, nor a bank that is no longer served.</summary>
    public void Release()
    {
        Array.Clear(_spans, 0, _spanCount);
        _spanCount = 0;
        Gates.Release();
        LogitsGates.Release();
    }

    public void Dispose()
    {
        Gates.Dispose();
        LogitsGates.Dispose();
    }
}
