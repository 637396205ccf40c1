using MoeLora.Tensors.Cpu.Attending;

namespace MoeLora.Tensors.Reference;

public sealed unsafe partial class ReferenceDevice
{
    /// <inheritdoc/>
    public override void SelfAttention(
        HeadView queries, HeadView keys, HeadView values, ReadOnlySpan<SelfSpan> spans, float scale, Tensor output, Tensor logSums)
    {
        OperandChecks.SelfAttention(queries, keys, values, spans, output, logSums);
        int shared = queries.Heads / keys.Heads, dim = queries.HeadDim;
        foreach (ref readonly SelfSpan span in spans)
        {
            for (int row = 0; row < span.RowCount; row++)
            {
                for (int head = 0; head < queries.Heads; head++)
                {
                    (double[] probabilities, double logSum) = SelfAttentionScalar.Probabilities(
                        Head(queries, span.FirstRow + row, head), Head(keys, span.FirstRow, head / shared), RowStride(keys), dim,
                        SelfAttentionScalar.Visible(span, row), scale);
                    Values(logSums, span.FirstRow + row)[head] = (float)logSum;
                    SelfAttentionScalar.Output(
                        probabilities, Head(values, span.FirstRow, head / shared), RowStride(values), dim, Pointer(output, span.FirstRow + row) + head * dim);
                }
            }
        }
    }

    /// <inheritdoc/>
    /// <remarks>Probabilities come from the scores, in double: what the forward pass wrote is rounded and is not read.</remarks>
    public override void SelfAttentionBackward(
        HeadView queries, HeadView keys, HeadView values, ReadOnlySpan<SelfSpan> spans, float scale, Tensor output, Tensor logSums, Tensor outputGradient,
        HeadView queryGradient, HeadView keyGradient, HeadView valueGradient)
    {
        OperandChecks.SelfAttentionBackward(
            queries, keys, values, spans, output, logSums, outputGradient, queryGradient, keyGradient, valueGradient);
        int shared = queries.Heads / keys.Heads, dim = queries.HeadDim;
        foreach (ref readonly SelfSpan span in spans)
        {
            for (int keyHead = 0; keyHead < keys.Heads; keyHead++)
            {
                double[] keySums = new double[span.RowCount * dim], valueSums = new double[span.RowCount * dim];
                for (int head = keyHead * shared; head < (keyHead + 1) * shared; head++)
                {
                    for (int row = 0; row < span.RowCount; row++)
                        Backward(span, head, row, keySums, valueSums);
                }
                for (int row = 0; row < span.RowCount; row++)
                {
                    Add(keySums[(row * dim)..((row + 1) * dim)], new Span<float>(Head(keyGradient, span.FirstRow + row, keyHead), dim));
                    Add(valueSums[(row * dim)..((row + 1) * dim)], new Span<float>(Head(valueGradient, span.FirstRow + row, keyHead), dim));
                }
            }
        }

        void Backward(in SelfSpan span, int head, int row, double[] keySums, double[] valueSums)
        {
            float* query = Head(queries, span.FirstRow + row, head), upper = Pointer(outputGradient, span.FirstRow + row) + head * dim;
            float* key = Head(keys, span.FirstRow, head / shared), value = Head(values, span.FirstRow, head / shared);
            (double[] probabilities, _) = SelfAttentionScalar.Probabilities(
                query, key, RowStride(keys), dim, SelfAttentionScalar.Visible(span, row), scale);
            double[] scores = SelfAttentionScalar.ScoreGradients(probabilities, value, RowStride(values), dim, upper);
            double[] querySums = new double[dim];
            for (int p = 0; p < scores.Length; p++)
            {
                for (int i = 0; i < dim; i++)
                {
                    querySums[i] += scale * scores[p] * key[p * RowStride(keys) + i];
                    keySums[p * dim + i] += scale * scores[p] * query[i];
                    valueSums[p * dim + i] += probabilities[p] * upper[i];
                }
            }
            Add(querySums, new Span<float>(Head(queryGradient, span.FirstRow + row, head), dim));
        }
    }

    /// <summary>Floats from one row to the next.</summary>
    private static long RowStride(HeadView heads) => Cpu.CpuDevice.Cpu(heads.Tensor).Stride / sizeof(float);
}
