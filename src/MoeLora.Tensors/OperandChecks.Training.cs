namespace MoeLora.Tensors;

internal static partial class OperandChecks
{
    public static void SumRows(Tensor source, Tensor destination, int rows)
    {
        Activations(source, rows, nameof(source));
        Vector(destination, source.Columns, nameof(destination));
        Distinct(destination, source, nameof(destination), nameof(source));
    }

    public static void SelfAttention(HeadView queries, HeadView keys, HeadView values, ReadOnlySpan<SelfSpan> spans, Tensor output, Tensor logSums)
    {
        SelfHeads(queries, keys, values, spans);
        Activations(output, LastRow(spans), nameof(output));
        Require(output.Columns == (long)queries.Heads * queries.HeadDim, nameof(output), output.Columns, (long)queries.Heads * queries.HeadDim, "columns");
        Activations(logSums, LastRow(spans), nameof(logSums));
        Require(logSums.Columns == queries.Heads, nameof(logSums), logSums.Columns, queries.Heads, "columns");
        Distinct(logSums, output, nameof(logSums), nameof(output));
        foreach (HeadView read in (ReadOnlySpan<HeadView>)[queries, keys, values])
        {
            Distinct(output, read.Tensor, nameof(output), "what is read");
            Distinct(logSums, read.Tensor, nameof(logSums), "what is read");
        }
    }

    public static void SelfAttentionBackward(
        HeadView queries, HeadView keys, HeadView values, ReadOnlySpan<SelfSpan> spans, Tensor output, Tensor logSums, Tensor outputGradient,
        HeadView queryGradient, HeadView keyGradient, HeadView valueGradient)
    {
        SelfAttention(queries, keys, values, spans, output, logSums);
        int rows = LastRow(spans);
        Activations(outputGradient, rows, nameof(outputGradient));
        Require(outputGradient.Columns == output.Columns, nameof(outputGradient), outputGradient.Columns, output.Columns, "columns");
        HeadGradient(queryGradient, queries, nameof(queryGradient));
        HeadGradient(keyGradient, keys, nameof(keyGradient));
        HeadGradient(valueGradient, values, nameof(valueGradient));

        void HeadGradient(HeadView gradient, HeadView of, string name)
        {
            Require(gradient.Heads == of.Heads, name, gradient.Heads, of.Heads, "heads");
            Require(gradient.HeadDim == of.HeadDim, name, gradient.HeadDim, of.HeadDim, "elements per head");
            Heads(gradient, rows, name);
            if (gradient.Heads > 1 && gradient.Stride < gradient.HeadDim)
                throw new ArgumentException($"Heads of {gradient.HeadDim} that are {gradient.Stride} apart overlap; they cannot be written.", name);
            foreach (Tensor read in (ReadOnlySpan<Tensor>)[queries.Tensor, keys.Tensor, values.Tensor, output, logSums, outputGradient])
                Distinct(gradient.Tensor, read, name, "what is read");
        }
    }

    public static void NormBackward(
        Tensor input, Tensor weight, Tensor outputGradient, Tensor inputGradient, Tensor? weightGradient, Tensor? biasGradient, int rows)
    {
        Vector(weight, input.Columns, nameof(weight));
        Gradients(input, nameof(input), outputGradient, inputGradient, nameof(inputGradient), rows);
        if (weightGradient is not null)
        {
            Vector(weightGradient, input.Columns, nameof(weightGradient));
            Unread(weightGradient, nameof(weightGradient));
        }
        if (biasGradient is null)
            return;
        Vector(biasGradient, input.Columns, nameof(biasGradient));
        Unread(biasGradient, nameof(biasGradient));
        if (weightGradient is not null)
            Distinct(biasGradient, weightGradient, nameof(biasGradient), nameof(weightGradient));

        void Unread(Tensor gradient, string name)
        {
            foreach (Tensor other in (ReadOnlySpan<Tensor>)[input, weight, outputGradient, inputGradient])
                Distinct(gradient, other, name, "another operand");
        }
    }

    public static void SiluGateBackward(Tensor gate, Tensor up, Tensor outputGradient, Tensor gateGradient, Tensor upGradient, int rows)
    {
        Elementwise(gate, nameof(gate), up, nameof(up), rows);
        Gradients(gate, nameof(gate), outputGradient, gateGradient, nameof(gateGradient), rows);
        Gradients(up, nameof(up), outputGradient, upGradient, nameof(upGradient), rows);
        Distinct(gateGradient, up, nameof(gateGradient), nameof(up));
        Distinct(upGradient, gate, nameof(upGradient), nameof(gate));
        Distinct(upGradient, gateGradient, nameof(upGradient), nameof(gateGradient));
    }

    /// <summary>The gradient of an operation on rows: shaped as what the operation read, and a tensor of its own.</summary>
    public static void Gradients(Tensor read, string readName, Tensor outputGradient, Tensor gradient, string name, int rows)
    {
        Elementwise(read, readName, outputGradient, nameof(outputGradient), rows);
        Elementwise(read, readName, gradient, name, rows);
        Distinct(gradient, read, name, readName);
        Distinct(gradient, outputGradient, name, nameof(outputGradient));
    }

    public static void CrossEntropy(Tensor logits, ReadOnlySpan<int> targets)
    {
        Activations(logits, targets.Length, nameof(logits));
        Indices(targets, logits.Columns, nameof(targets));
    }

    public static void Copy(Tensor source, Tensor destination, int rows) => Elementwise(source, nameof(source), destination, nameof(destination), rows);

    public static void Multiply(Tensor a, Tensor b, Tensor output, int rows)
    {
        Elementwise(a, nameof(a), b, nameof(b), rows);
        Elementwise(a, nameof(a), output, nameof(output), rows);
    }

    public static void Dropout(Tensor input, float rate, Tensor output, int rows)
    {
        Elementwise(input, nameof(input), output, nameof(output), rows);
        if (!(rate >= 0 && rate < 1))
            throw new ArgumentOutOfRangeException(nameof(rate), rate, "Must be at least 0 and less than 1.");
    }

    public static void ScatterAddRows(Tensor source, ReadOnlySpan<int> indices, Tensor destination)
    {
        Activations(source, indices.Length, nameof(source));
        Activations(destination, 0, nameof(destination));
        Require(destination.Columns == source.Columns, nameof(destination), destination.Columns, source.Columns, "columns");
        Distinct(destination, source, nameof(destination), nameof(source));
        Indices(indices, destination.Rows, nameof(indices));
    }

    public static void AdamW(Tensor parameter, Tensor gradient, Tensor mean, Tensor meanSquare, in AdamWStep step)
    {
        Shaped(gradient, nameof(gradient));
        Shaped(mean, nameof(mean));
        Shaped(meanSquare, nameof(meanSquare));
        Distinct(mean, gradient, nameof(mean), nameof(gradient));
        Distinct(meanSquare, gradient, nameof(meanSquare), nameof(gradient));
        Distinct(meanSquare, mean, nameof(meanSquare), nameof(mean));
        if (step.Step < 1)
            throw new ArgumentOutOfRangeException(nameof(step), step.Step, "Steps count from 1.");
        if (!(step.Beta1 is >= 0 and < 1 && step.Beta2 is >= 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(step), step, "Both betas must be at least 0 and less than 1.");

        void Shaped(Tensor tensor, string name)
        {
            Elementwise(parameter, nameof(parameter), tensor, name, parameter.Rows);
            Require(tensor.Rows == parameter.Rows, name, tensor.Rows, parameter.Rows, "rows");
            Distinct(tensor, parameter, name, nameof(parameter));
        }
    }

    private static void SelfHeads(HeadView queries, HeadView keys, HeadView values, ReadOnlySpan<SelfSpan> spans)
    {
        int rows = LastRow(spans);
        Heads(queries, rows, nameof(queries));
        Heads(keys, rows, nameof(keys));
        Heads(values, rows, nameof(values));
        Require(keys.HeadDim == queries.HeadDim, nameof(keys), keys.HeadDim, queries.HeadDim, "elements per head");
        Require(values.HeadDim == queries.HeadDim, nameof(values), values.HeadDim, queries.HeadDim, "elements per head");
        Require(values.Heads == keys.Heads, nameof(values), values.Heads, keys.Heads, "heads");
        if (queries.Heads % keys.Heads != 0)
            throw new ArgumentException($"{queries.Heads} query heads cannot share {keys.Heads} key/value heads evenly.", nameof(queries));
        for (int i = 0; i < spans.Length; i++)
        {
            ref readonly SelfSpan span = ref spans[i];
            if (span.FirstRow < 0 || span.RowCount < 0)
                throw new ArgumentException($"A span cannot have {span.RowCount} rows from {span.FirstRow}.", nameof(spans));
            if (span.VisiblePrefix < 0 || span.VisiblePrefix > span.RowCount)
                throw new ArgumentException($"A span of {span.RowCount} rows cannot have a visible prefix of {span.VisiblePrefix}.", nameof(spans));
            for (int earlier = 0; earlier < i; earlier++)
            {
                if (span.FirstRow < spans[earlier].FirstRow + spans[earlier].RowCount && spans[earlier].FirstRow < span.FirstRow + span.RowCount)
                    throw new ArgumentException($"The spans {spans[earlier]} and {span} overlap.", nameof(spans));
            }
        }
    }

    /// <summary>Past the last row of any span.</summary>
    private static int LastRow(ReadOnlySpan<SelfSpan> spans)
    {
        int last = 0;
        foreach (ref readonly SelfSpan span in spans)
            last = (int)Math.Clamp((long)span.FirstRow + span.RowCount, last, int.MaxValue);
        return last;
    }

    private static void Elementwise(Tensor first, string firstName, Tensor second, string secondName, int rows)
    {
        Activations(first, rows, firstName);
        Activations(second, rows, secondName);
        Require(second.Columns == first.Columns, secondName, second.Columns, first.Columns, "columns");
    }
}
