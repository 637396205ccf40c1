namespace MoeLora.Tensors.Tests.Conformance;

// Attention inside packed samples, forward and backward.
public abstract partial class DeviceConformance
{
    // Values in [−1, 1] are averaged, with weights that are right to |score| · 2⁻²⁴ for scores up to some ten.
    private const double SelfAttentionTolerance = 3e-6;

    // A key's gradient sums up to 1200 rows of a few query heads: a thousand chains of roundings of 2⁻²⁴, of values around 1.
    private const double SelfGradientTolerance = 3e-5;

    [Fact]
    public void SelfAttention_AllHeadShapesAndLengths_Agrees()
    {
        foreach ((int dim, int heads, int kvHeads) in HeadShapes)
        {
            foreach (int rows in new[] { 1, 2, 11, 12, 13, 17, 31, 32, 33, 47, 48, 49, 60, 97, 130 })
                AgreeOnSelfAttention(dim, heads, kvHeads, [new SelfSpan(1, rows)]);
        }
    }

    [Fact]
    public void SelfAttention_LongSpans_Agrees()
    {
        foreach (int rows in new[] { 479, 480, 481, 500, 970 })
            AgreeOnSelfAttention(8, 2, 1, [new SelfSpan(1, rows, rows % 3 * 100)]);
    }

    [Fact]
    public void SelfAttention_VisiblePrefixes_Agrees()
    {
        foreach (int prefix in new[] { 1, 2, 5, 12, 13, 31, 47, 48, 49, 89, 90 })
            AgreeOnSelfAttention(16, 2, 2, [new SelfSpan(1, 90, prefix)]);
        AgreeOnSelfAttention(16, 2, 1, [new SelfSpan(1, 600, 500)]);
    }

    [Fact]
    public void SelfAttention_PackedSpans_Agrees()
        => AgreeOnSelfAttention(32, 4, 2, [new SelfSpan(40, 60, 7), new SelfSpan(1, 37), new SelfSpan(38, 1, 1), new SelfSpan(105, 0), new SelfSpan(110, 200)]);

    [Fact]
    public void SelfAttention_LargeScores_DoNotOverflow()
        // Scores in the thousands, whose steps are 2⁻¹³ and more: softmax is one-hot nearly everywhere, and its gradients are differences of products of 30².
        => AgreeOnSelfAttention(64, 2, 1, [new SelfSpan(1, 50)], magnitude: 30, tolerance: 0.05, gradientTolerance: 3);

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void SelfAttention_SpecialValue_ReachesWhatSeesItOnly(float special)
    {
        const int dim = 16;
        // One element of a query, key, value or of the output's gradient, in the middle of the first of two spans.
        for (int part = 0; part < 4; part++)
        {
            foreach (int prefix in new[] { 0, 20 })
            {
                Matrix values = Matrix.Random(80, 4 * dim);
                values[17][part * dim + 5] = special;
                string what = $"{special} in part {part}, prefix {prefix}";
                SelfSpan[] spans = [new SelfSpan(0, 50, prefix), new SelfSpan(50, 30)];
                // Whether infinities meet as NaN depends on the order of sums, which is free; what is finite does not.
                Agree(what, 1e-5, SelfGradientTolerance, device =>
                {
                    Matrix result = SelfAttention(device, values, dim, 1, 1, 0, spans, 0.3f);
                    return result with { Values = [.. result.Values.Select(value => float.IsFinite(value) ? value : float.NaN)] };
                });
            }
        }
    }

    [Fact]
    public void SelfAttention_RowsInNoSpan_AreNotWritten()
    {
        const int dim = 8;
        using Tensor heads = Matrix.Random(20, dim).Put(Device), output = Matrix.Random(20, dim, 1, seed: 1).Put(Device), logSums = Device.Allocate(DType.F32, 20, 1);
        using Tensor gradient = Matrix.Random(20, dim, 1, seed: 2).Put(Device);
        Matrix outputBefore = Matrix.Read(output), gradientBefore = Matrix.Read(gradient);
        var view = new HeadView(heads, 0, dim, 1, dim);
        SelfSpan[] spans = [new SelfSpan(3, 5), new SelfSpan(10, 4)];
        Device.SelfAttention(view, view, view, spans, 1, output, logSums);
        Device.SelfAttentionBackward(
            view, view, view, spans, 1, output, logSums, heads, view with { Tensor = gradient }, view with { Tensor = gradient }, view with { Tensor = gradient });
        for (int row = 0; row < 20; row++)
        {
            bool inSpan = row is >= 3 and < 8 or >= 10 and < 14;
            Assert.Equal(!inSpan, outputBefore[row].SequenceEqual(Matrix.Read(output)[row]));
            Assert.Equal(!inSpan, gradientBefore[row].SequenceEqual(Matrix.Read(gradient)[row]));
            Assert.Equal(!inSpan, Matrix.Read(logSums)[row][0] == 0);
        }
    }

    private void AgreeOnSelfAttention(
        int dim, int heads, int kvHeads, SelfSpan[] spans, float magnitude = 1, double tolerance = SelfAttentionTolerance,
        double gradientTolerance = SelfGradientTolerance)
    {
        int rows = spans.Max(span => span.FirstRow + span.RowCount) + 1;
        const int offset = 3;
        Matrix step = Matrix.Random(rows, offset + (2 * heads + 2 * kvHeads) * dim, magnitude, seed: 1);
        float scale = 1 / MathF.Sqrt(dim);
        string what = $"self attention {dim}x{heads}/{kvHeads}, spans {string.Join(' ', spans)}";
        Agree(what, 1e-6, tolerance, device => SelfAttention(device, step, dim, heads, kvHeads, offset, spans, scale, forward: true));
        Agree($"gradients of {what}", 1e-5, gradientTolerance, device => SelfAttention(device, step, dim, heads, kvHeads, offset, spans, scale, forward: false));
    }

    /// <summary>
    /// Output and log sums, or the gradients, or all beside each other. A row of the input: offset, queries, each key beside its value as interleaved
    /// layouts have them, output gradients.
    /// </summary>
    private static Matrix SelfAttention(
        Device device, Matrix step, int dim, int heads, int kvHeads, int offset, SelfSpan[] spans, float scale, bool? forward = null)
    {
        int rows = step.Rows, upperStart = offset + (heads + 2 * kvHeads) * dim;
        var upper = new Matrix(rows, heads * dim, new float[rows * heads * dim]);
        for (int row = 0; row < rows; row++)
            step[row].Slice(upperStart, heads * dim).CopyTo(upper[row]);
        using Tensor input = step.Put(device), output = device.Allocate(DType.F32, rows, heads * dim), logSums = device.Allocate(DType.F32, rows, heads);
        using Tensor outputGradient = upper.Put(device), gradient = Matrix.Random(rows, upperStart, 1, seed: 4).Put(device);
        var queries = new HeadView(input, offset, dim, heads, dim);
        var keys = new HeadView(input, offset + heads * dim, 2 * dim, kvHeads, dim);
        HeadView values = keys with { Offset = keys.Offset + dim };
        device.SelfAttention(queries, keys, values, spans, scale, output, logSums);
        if (forward != true)
        {
            device.SelfAttentionBackward(
                queries, keys, values, spans, scale, output, logSums, outputGradient,
                queries with { Tensor = gradient }, keys with { Tensor = gradient }, values with { Tensor = gradient });
        }
        return Beside([.. forward == false ? (Tensor[])[gradient] : forward == true ? [output, logSums] : [output, logSums, gradient]]);
    }

    /// <summary>The tensors' rows beside each other.</summary>
    private static Matrix Beside(params Tensor[] tensors)
    {
        int columns = tensors.Sum(tensor => tensor.Columns), start = 0;
        var all = new Matrix(tensors[0].Rows, columns, new float[tensors[0].Rows * columns]);
        foreach (Tensor tensor in tensors)
        {
            Matrix part = Matrix.Read(tensor);
            for (int row = 0; row < part.Rows; row++)
                part[row].CopyTo(all[row][start..]);
            start += tensor.Columns;
        }
        return all;
    }
}
