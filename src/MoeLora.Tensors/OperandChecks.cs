using System.Diagnostics.CodeAnalysis;

namespace MoeLora.Tensors;

/// <summary>The shape rules of <see cref="Device"/>'s operations, the same for every device. Each throws an <see cref="ArgumentException"/> that names the operand.</summary>
internal static partial class OperandChecks
{
    public static void Upload(TensorView source, Tensor destination, int firstRow)
    {
        Require(source.Columns == destination.Columns, nameof(source), source.Columns, destination.Columns, "columns");
        Rows(firstRow, source.Rows, destination, nameof(destination));
    }

    public static void Row(Tensor tensor, int row, int hostElements, string name)
    {
        Rows(row, 1, tensor, name);
        if (hostElements < tensor.Columns)
            throw new ArgumentException($"The host's row has {hostElements} elements; {name} {tensor} needs {tensor.Columns}.", name);
    }

    public static void Download(Tensor source, int firstRow, int rows, int hostElements)
    {
        Rows(firstRow, rows, source, nameof(source));
        if (hostElements < (long)rows * source.Columns)
            throw new ArgumentException($"The host has {hostElements} elements; {rows} rows of {source} need {(long)rows * source.Columns}.", nameof(source));
    }

    public static void WriteRows(ReadOnlySpan<float> source, Tensor destination, int firstRow, int rows)
    {
        Activations(destination, 0, nameof(destination));
        Rows(firstRow, rows, destination, nameof(destination));
        if (source.Length != (long)rows * destination.Columns)
            throw new ArgumentException($"The host has {source.Length} elements; {rows} rows of {destination} are {(long)rows * destination.Columns}.", nameof(source));
    }

    public static void WriteRow(ReadOnlySpan<float> source, Tensor destination, int row)
    {
        Activations(destination, 0, nameof(destination));
        Rows(row, 1, destination, nameof(destination));
        Require(source.Length == destination.Columns, nameof(source), source.Length, destination.Columns, "elements");
    }

    public static void Linear(Tensor input, int rows, ReadOnlySpan<LinearCall> calls)
    {
        Activations(input, rows, nameof(input));
        for (int i = 0; i < calls.Length; i++)
        {
            ref readonly LinearCall call = ref calls[i];
            Require(call.Weight.Columns == input.Columns, nameof(call.Weight), call.Weight.Columns, input.Columns, "columns");
            Activations(call.Output, rows, nameof(call.Output));
            Require(call.Output.Columns == call.Weight.Rows, nameof(call.Output), call.Output.Columns, call.Weight.Rows, "columns");
            Distinct(call.Output, input, nameof(call.Output), nameof(input));
            for (int earlier = 0; earlier < i; earlier++)
                Distinct(call.Output, calls[earlier].Output, nameof(call.Output), "the output of an earlier layer");
            if (call.Bias is { } bias)
                Vector(bias, call.Weight.Rows, nameof(call.Bias));
            if (call.Delta is { } whole)
            {
                if (!call.Deltas.IsEmpty)
                    throw new ArgumentException("A layer has one delta for all rows or deltas for ranges of them, not both.", nameof(call.Deltas));
                if (call.Gate is not { } gate)
                    throw new ArgumentException("A layer with a low-rank delta needs gate weights.", nameof(call.Gate));
                RowDelta(call, new RowDelta(whole, gate, 0, rows));
            }

            int end = 0;
            foreach (ref readonly RowDelta delta in call.Deltas.Span)
            {
                if (delta.FirstRow < end || delta.RowCount < 0 || (long)delta.FirstRow + delta.RowCount > rows)
                {
                    throw new ArgumentException(
                        $"A delta for {delta.RowCount} rows from {delta.FirstRow} does not lie between row {end}, where the last one ends, and the {rows} rows of the call.",
                        nameof(call.Deltas));
                }

                RowDelta(call, delta);
                end = delta.EndRow;
            }
        }
    }

    private static void RowDelta(in LinearCall call, in RowDelta part)
    {
        (LowRankDelta delta, Tensor gate) = (part.Delta, part.Gate);
        Delta(delta, call.Weight.Rows, call.Weight.Columns);
        if (delta.B.DType == DType.Q8)
            throw new ArgumentException($"delta.B is {delta.B}; its rows are too short for 8-bit blocks, keep it in f32, f16 or bf16.", "delta.B");
        Activations(gate, part.EndRow, nameof(call.Gate));
        if (gate.Columns < delta.Rank)
            throw new ArgumentException($"{nameof(call.Gate)} has {gate.Columns} columns; the delta's rank {delta.Rank} needs as many.", nameof(call.Gate));
    }

    public static void Recover(int w0Rows, int w0Columns, LowRankDelta delta, ReadOnlySpan<float> gate, Tensor destination)
    {
        Require(w0Rows == destination.Rows, "w0", w0Rows, destination.Rows, "rows");
        Require(w0Columns == destination.Columns, "w0", w0Columns, destination.Columns, "columns");
        Delta(delta, destination.Rows, destination.Columns);
        Require(gate.Length == delta.Rank, nameof(gate), gate.Length, delta.Rank, "elements");
    }

    public static void Embed(Tensor table, ReadOnlySpan<int> ids, Tensor output)
    {
        Activations(output, ids.Length, nameof(output));
        Require(output.Columns == table.Columns, nameof(output), output.Columns, table.Columns, "columns");
        Distinct(output, table, nameof(output), nameof(table));
        Indices(ids, table.Rows, nameof(ids));
    }

    public static void GatherRows(Tensor input, ReadOnlySpan<int> rows, Tensor output)
    {
        Activations(input, 0, nameof(input));
        Activations(output, rows.Length, nameof(output));
        Require(output.Columns == input.Columns, nameof(output), output.Columns, input.Columns, "columns");
        Distinct(output, input, nameof(output), nameof(input));
        Indices(rows, input.Rows, nameof(rows));
    }

    public static void Norm(Tensor input, Tensor weight, Tensor? bias, Tensor output, int rows)
    {
        Elementwise(input, output, rows);
        Vector(weight, input.Columns, nameof(weight));
        if (bias is not null)
            Vector(bias, input.Columns, nameof(bias));
    }

    public static void SiluGate(Tensor gate, Tensor up, Tensor output, int rows)
    {
        Activations(gate, rows, nameof(gate));
        Require(up.Columns == gate.Columns, nameof(up), up.Columns, gate.Columns, "columns");
        Elementwise(up, output, rows);
    }

    public static void Elementwise(Tensor input, Tensor output, int rows)
    {
        Activations(input, rows, nameof(input));
        Activations(output, rows, nameof(output));
        Require(output.Columns == input.Columns, nameof(output), output.Columns, input.Columns, "columns");
    }

    public static void Rotary(HeadView heads, int rows, int dimOffset, RotaryTable table, ReadOnlySpan<int> positions)
    {
        Heads(heads, rows, nameof(heads));
        Activations(table.Cos, 0, nameof(table.Cos));
        Activations(table.Sin, table.Cos.Rows, nameof(table.Sin));
        Require(table.Sin.Columns == table.Cos.Columns, nameof(table.Sin), table.Sin.Columns, table.Cos.Columns, "columns");
        if (dimOffset < 0 || dimOffset + 2L * table.Cos.Columns > heads.HeadDim)
            throw new ArgumentException($"Rotating {2L * table.Cos.Columns} elements from {dimOffset} does not fit heads of {heads.HeadDim}.", nameof(dimOffset));
        if (positions.Length < rows)
            throw new ArgumentException($"{rows} rows need as many positions; there are {positions.Length}.", nameof(positions));
        Indices(positions[..rows], table.Cos.Rows, nameof(positions));
    }

    public static void StoreKv(HeadView keys, HeadView values, int layer, ReadOnlySpan<AttentionSpan> spans)
    {
        foreach (ref readonly AttentionSpan span in spans)
        {
            Span(span, layer, keys.HeadDim, keys.Tensor);
            if (!span.Cache.IsWritable(span.Past, span.Past + span.RowCount))
                throw new ArgumentException($"Positions {span.Past} … {span.Past + span.RowCount - 1} are in blocks that another cache shares; reserve them first.", nameof(span));
            Heads(keys, span.FirstRow + span.RowCount, nameof(keys));
            Heads(values, span.FirstRow + span.RowCount, nameof(values));
            Require(keys.Heads == span.Cache.Heads, nameof(keys), keys.Heads, span.Cache.Heads, "heads");
            Require(values.Heads == span.Cache.Heads, nameof(values), values.Heads, span.Cache.Heads, "heads");
            Require(values.HeadDim == keys.HeadDim, nameof(values), values.HeadDim, keys.HeadDim, "elements per head");
        }
    }

    public static void Attention(HeadView queries, int layer, ReadOnlySpan<AttentionSpan> spans, Tensor output)
    {
        Distinct(output, queries.Tensor, nameof(output), nameof(queries));
        Require(output.Columns == (long)queries.Heads * queries.HeadDim, nameof(output), output.Columns, (long)queries.Heads * queries.HeadDim, "columns");
        foreach (ref readonly AttentionSpan span in spans)
        {
            Span(span, layer, queries.HeadDim, queries.Tensor);
            Heads(queries, span.FirstRow + span.RowCount, nameof(queries));
            Activations(output, span.FirstRow + span.RowCount, nameof(output));
            if (queries.Heads % span.Cache.Heads != 0)
                throw new ArgumentException($"{queries.Heads} query heads cannot share {span.Cache.Heads} key/value heads evenly.", nameof(queries));
        }
    }

    /// <summary>An F32 matrix of at least <paramref name="rows"/> rows.</summary>
    public static void Activations(Tensor tensor, int rows, string name)
    {
        if (tensor.DType != DType.F32)
            throw new ArgumentException($"{name} is {tensor}; this operation needs f32.", name);
        Rows(0, rows, tensor, name);
    }

    private static void Vector(Tensor tensor, int columns, string name)
    {
        Activations(tensor, 1, name);
        Require(tensor.Rows == 1, name, tensor.Rows, 1, "rows");
        Require(tensor.Columns == columns, name, tensor.Columns, columns, "columns");
    }

    private static void Delta(LowRankDelta delta, int rows, int columns)
    {
        Require(delta.A.Columns == columns, "delta.A", delta.A.Columns, columns, "columns");
        Require(delta.B.Rows == rows, "delta.B", delta.B.Rows, rows, "rows");
        Require(delta.B.Columns == delta.Rank, "delta.B", delta.B.Columns, delta.Rank, "columns");
    }

    private static void Heads(HeadView heads, int rows, string name)
    {
        Activations(heads.Tensor, rows, name);
        if (heads.Offset < 0 || heads.Stride < 0 || heads.Heads <= 0 || heads.HeadDim <= 0
            || heads.Offset + (long)(heads.Heads - 1) * heads.Stride + heads.HeadDim > heads.Tensor.Columns)
        {
            throw new ArgumentException(
                $"{heads.Heads} heads of {heads.HeadDim} at {heads.Offset} + h · {heads.Stride} do not fit {heads.Tensor}.", name);
        }
    }

    private static void Span(in AttentionSpan span, int layer, int headDim, Tensor rows)
    {
        KvCache cache = span.Cache;
        if ((uint)layer >= (uint)cache.Layers)
            throw new ArgumentOutOfRangeException(nameof(layer), layer, $"The cache has {cache.Layers} layers.");
        Require(cache.HeadDim == headDim, nameof(span.Cache), cache.HeadDim, headDim, "elements per head");
        if (span.FirstRow < 0 || span.RowCount < 0 || (long)span.FirstRow + span.RowCount > rows.Rows)
            throw new ArgumentException($"A span of {span.RowCount} rows from {span.FirstRow} does not fit {rows}.", nameof(span));
        if (span.Past < 0 || (long)span.Past + span.RowCount > cache.Capacity)
            throw new ArgumentException($"Positions {span.Past} … {(long)span.Past + span.RowCount - 1} do not fit a cache of {cache.Capacity}.", nameof(span));
    }

    private static void Rows(int first, int count, Tensor tensor, string name)
    {
        if (first < 0 || count < 0 || (long)first + count > tensor.Rows)
            throw new ArgumentException($"Rows {first} … {(long)first + count - 1} are not all in {name}, {tensor}.", name);
    }

    private static void Indices(ReadOnlySpan<int> indices, int limit, string name)
    {
        foreach (int index in indices)
        {
            if ((uint)index >= (uint)limit)
                throw new ArgumentOutOfRangeException(name, index, $"Must be in [0, {limit}).");
        }
    }

    private static void Distinct(Tensor output, Tensor input, string outputName, string inputName)
    {
        if (ReferenceEquals(output, input))
            throw new ArgumentException($"{outputName} must not be {inputName}.", outputName);
    }

    private static void Require([DoesNotReturnIf(false)] bool ok, string name, long is_, long needed, string what)
    {
        if (!ok)
            throw new ArgumentException($"{name} has {is_} {what}; {needed} are needed.", name);
    }
}
