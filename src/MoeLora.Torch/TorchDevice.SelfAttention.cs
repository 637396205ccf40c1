using System.Runtime.InteropServices;
using MoeLora.Tensors;
using TorchSharp;

namespace MoeLora.Torch;

public sealed partial class TorchDevice
{
    // Scores that are in memory at a time, for all heads.
    private const long SelfScores = 32 << 20;

    /// <inheritdoc/>
    public override void SelfAttention(
        HeadView queries, HeadView keys, HeadView values, ReadOnlySpan<SelfSpan> spans, float scale, Tensor output, Tensor logSums)
    {
        OperandChecks.SelfAttention(queries, keys, values, spans, output, logSums);
        try
        {
            foreach (ref readonly SelfSpan span in spans)
            {
                for (int first = 0, rows; first < span.RowCount; first += rows)
                {
                    rows = SelfRows(span, queries.Heads, first);
                    using Operation operation = _operation.Begin();
                    var part = new SelfPart(this, operation, queries, keys, values, span, first, rows);
                    torch.Tensor scores = part.Scores(scale), largest = scores.amax([-1], keepdim: true);
                    torch.Tensor weights = part.Hide(scores.sub_(largest).exp_()), sum = weights.sum(-1, keepdim: true);
                    torch.Tensor result = weights.bmm(part.CleanValues).div_(sum).Increase(part.SeenBySomeRow(part.Values)); // [kv heads, shared · rows, dim]
                    Torch(output).Write(span.FirstRow + first, rows).copy_(part.Rows(result).reshape(rows, queries.Heads * queries.HeadDim));
                    Torch(logSums).Write(span.FirstRow + first, rows).copy_(part.Rows(sum.log().Increase(largest)).reshape(rows, queries.Heads));
                }
            }
        }
        catch (ExternalException e) when (DeviceMemory.IsOut(e))
        {
            throw DeviceMemory.Error(Name, "attention inside samples", e);
        }
    }

    /// <inheritdoc/>
    public override void SelfAttentionBackward(
        HeadView queries, HeadView keys, HeadView values, ReadOnlySpan<SelfSpan> spans, float scale, Tensor output, Tensor logSums, Tensor outputGradient,
        HeadView queryGradient, HeadView keyGradient, HeadView valueGradient)
    {
        OperandChecks.SelfAttentionBackward(queries, keys, values, spans, output, logSums, outputGradient, queryGradient, keyGradient, valueGradient);
        try
        {
            foreach (ref readonly SelfSpan span in spans)
            {
                for (int first = 0, rows; first < span.RowCount; first += rows)
                {
                    rows = SelfRows(span, queries.Heads, first);
                    using Operation operation = _operation.Begin();
                    var part = new SelfPart(this, operation, queries, keys, values, span, first, rows);
                    torch.Tensor upper = part.Grouped(Whole(outputGradient, queries)), result = part.Grouped(Whole(output, queries));
                    torch.Tensor logs = part.Grouped(new HeadView(logSums, 0, 1, queries.Heads, 1));
                    torch.Tensor weights = part.Hide(part.Scores(scale).sub_(logs).exp_());
                    torch.Tensor slopes = upper.bmm(part.Values.transpose(1, 2)).sub_(upper.mul(result).sum(-1, keepdim: true)).mul_(weights);
                    slopes = part.Hide(slopes).mul_(operation.Number(scale));

                    torch.Tensor dq = slopes.bmm(part.Clean(part.Keys)).Increase(part.SeenBySomeRow(part.Keys));
                    torch.Tensor dk = slopes.transpose(1, 2).bmm(part.Clean(part.Queries)).Increase(part.SeenFromKeys(part.Queries));
                    torch.Tensor dv = weights.transpose(1, 2).bmm(part.Clean(upper)).Increase(part.SeenFromKeys(upper));
                    Add(queryGradient, span.FirstRow + first, rows, part.Rows(dq));
                    Add(keyGradient, span.FirstRow, part.KeyRows, dk.transpose(0, 1));
                    Add(valueGradient, span.FirstRow, part.KeyRows, dv.transpose(0, 1));
                }
            }
        }
        catch (ExternalException e) when (DeviceMemory.IsOut(e))
        {
            throw DeviceMemory.Error(Name, "the gradients of attention inside samples", e);
        }
    }

    /// <summary>How many of a span's rows are taken at a time.</summary>
    private static int SelfRows(in SelfSpan span, int heads, int first)
        => (int)Math.Min(span.RowCount - first, Math.Max(1, SelfScores / ((long)heads * span.RowCount)));

    /// <summary>Some rows of heads, [rows, heads, dim].</summary>
    internal torch.Tensor HeadRows(HeadView heads, int firstRow, int rows)
    {
        TorchTensor tensor = Torch(heads.Tensor);
        return Part(tensor.Elements, tensor, heads, rows, 0, heads.HeadDim, firstRow);
    }

    /// <summary>A matrix of heads side by side.</summary>
    private static HeadView Whole(Tensor tensor, HeadView like) => new(tensor, 0, like.HeadDim, like.Heads, like.HeadDim);

    /// <summary>Adds [rows, heads, dim] to heads of a matrix.</summary>
    private void Add(HeadView heads, int firstRow, int rows, torch.Tensor values)
    {
        TorchTensor tensor = Torch(heads.Tensor);
        Part(tensor.Write(tensor.Rows), tensor, heads, rows, 0, heads.HeadDim, firstRow).Increase(values);
    }
}
