using MoeLora.Tensors.Cpu;
using MoeLora.Tensors.Cpu.Attending;

namespace MoeLora.Tensors.Reference;

public sealed unsafe partial class ReferenceDevice
{
    /// <inheritdoc/>
    public override void Embed(Tensor table, ReadOnlySpan<int> ids, Tensor output)
    {
        OperandChecks.Embed(table, ids, output);
        for (int i = 0; i < ids.Length; i++)
            Decode(CpuDevice.Cpu(table), ids[i]).CopyTo(Values(output, i));
    }

    /// <inheritdoc/>
    public override void GatherRows(Tensor input, ReadOnlySpan<int> rows, Tensor output)
    {
        OperandChecks.GatherRows(input, rows, output);
        for (int i = 0; i < rows.Length; i++)
            Values(input, rows[i]).CopyTo(Values(output, i));
    }

    /// <inheritdoc/>
    public override void RmsNorm(Tensor input, Tensor weight, float epsilon, Tensor output, int rows)
    {
        OperandChecks.Norm(input, weight, null, output, rows);
        for (int row = 0; row < rows; row++)
            Cpu.Kernels.RmsNorm.Scalar(Pointer(input, row), Pointer(weight, 0), epsilon, Pointer(output, row), input.Columns);
    }

    /// <inheritdoc/>
    public override void LayerNorm(Tensor input, Tensor weight, Tensor bias, float epsilon, Tensor output, int rows)
    {
        OperandChecks.Norm(input, weight, bias, output, rows);
        for (int row = 0; row < rows; row++)
            Cpu.Kernels.LayerNorm.Scalar(Pointer(input, row), Pointer(weight, 0), Pointer(bias, 0), epsilon, Pointer(output, row), input.Columns);
    }

    /// <inheritdoc/>
    public override void Rotary(HeadView heads, int rows, int dimOffset, RotaryTable table, ReadOnlySpan<int> positions)
    {
        OperandChecks.Rotary(heads, rows, dimOffset, table, positions);
        for (int row = 0; row < rows; row++)
        {
            for (int head = 0; head < heads.Heads; head++)
            {
                Cpu.Kernels.Rotary.Scalar(
                    Head(heads, row, head) + dimOffset, Pointer(table.Cos, positions[row]), Pointer(table.Sin, positions[row]), table.Cos.Columns);
            }
        }
    }

    /// <inheritdoc/>
    public override void StoreKv(HeadView keys, HeadView values, int layer, ReadOnlySpan<AttentionSpan> spans)
    {
        OperandChecks.StoreKv(keys, values, layer, spans);
        foreach (ref readonly AttentionSpan span in spans)
        {
            CpuKvPool pool = CpuDevice.Cpu(span.Cache);
            for (int row = 0; row < span.RowCount; row++)
            {
                for (int head = 0; head < pool.Heads; head++)
                {
                    for (int i = 0; i < pool.HeadDim; i++)
                    {
                        pool.Key(span.Cache, layer, head, span.Past + row)[i * pool.PanelKeys] = Head(keys, span.FirstRow + row, head)[i];
                        pool.Value(span.Cache, layer, head, span.Past + row)[i] = Head(values, span.FirstRow + row, head)[i];
                    }
                }
            }
        }
    }

    /// <inheritdoc/>
    public override void Attention(HeadView queries, int layer, ReadOnlySpan<AttentionSpan> spans, float scale, Tensor output)
    {
        OperandChecks.Attention(queries, layer, spans, output);
        foreach (ref readonly AttentionSpan span in spans)
        {
            CpuKvPool pool = CpuDevice.Cpu(span.Cache);
            for (int row = 0; row < span.RowCount; row++)
            {
                int visible = AttentionGroup.VisibleTo(span.Past + row, span.VisiblePrefix, span.Past + span.RowCount);
                for (int head = 0; head < queries.Heads; head++)
                {
                    AttentionScalar.Head(
                        Head(queries, span.FirstRow + row, head), span.Cache, layer, head / (queries.Heads / pool.Heads), visible, scale,
                        Pointer(output, span.FirstRow + row) + head * queries.HeadDim);
                }
            }
        }
    }

    /// <inheritdoc/>
    public override void SiluGate(Tensor gate, Tensor up, Tensor output, int rows)
    {
        OperandChecks.SiluGate(gate, up, output, rows);
        for (int row = 0; row < rows; row++)
            Cpu.Kernels.SiluGate.Scalar(Pointer(gate, row), Pointer(up, row), Pointer(output, row), gate.Columns);
    }

    /// <inheritdoc/>
    public override void Gelu(Tensor input, Tensor output, int rows, GeluKind kind)
    {
        OperandChecks.Elementwise(input, output, rows);
        for (int row = 0; row < rows; row++)
            Cpu.Kernels.Gelu.Scalar(Pointer(input, row), Pointer(output, row), input.Columns, kind);
    }

    /// <inheritdoc/>
    public override void Softmax(Tensor values, int rows)
    {
        OperandChecks.Activations(values, rows, nameof(values));
        for (int row = 0; row < rows; row++)
            Cpu.Kernels.Softmax.Scalar(Pointer(values, row), values.Columns);
    }

    /// <inheritdoc/>
    public override int? ArgMax(Tensor values, int row)
    {
        OperandChecks.Activations(values, 0, nameof(values));
        OperandChecks.Row(values, row, values.Columns, nameof(values));
        return Cpu.Kernels.ArgMax.Scalar(Pointer(values, row), values.Columns);
    }

    private static float* Pointer(Tensor tensor, int row) => CpuDevice.Cpu(tensor).F32Row(row);

    private static float* Head(HeadView heads, int row, int head) => Pointer(heads.Tensor, row) + heads.Offset + head * heads.Stride;
}
