using MoeLora.Tensors.Cpu;
using MoeLora.Tensors.Cpu.Kernels;

namespace MoeLora.Tensors.Reference;

public sealed unsafe partial class ReferenceDevice
{
    /// <inheritdoc/>
    public override void Linear(Tensor input, int rows, ReadOnlySpan<LinearCall> calls, LinearOrder order = LinearOrder.Any)
    {
        OperandChecks.Linear(input, rows, calls);
        foreach (ref readonly LinearCall call in calls)
        {
            double[][] gated = new double[rows][];
            LowRankDelta?[] deltas = new LowRankDelta?[rows];
            for (int row = 0; row < rows; row++)
            {
                RowDelta? delta = DeltaOf(call, row, rows);
                deltas[row] = delta?.Delta;
                gated[row] = delta is { } part ? Gated(Values(input, row), part.Delta, Values(part.Gate, row)[..part.Delta.Rank]) : [];
            }

            for (int o = 0; o < call.Weight.Rows; o++)
            {
                float[] weight = Decode(CpuDevice.Cpu(call.Weight), o), b = [];
                LowRankDelta? decoded = null;
                for (int row = 0; row < rows; row++)
                {
                    if (deltas[row] is { } delta && delta != decoded)
                        (b, decoded) = (Decode(CpuDevice.Cpu(delta.B), o), delta);
                    Span<float> output = Values(call.Output, row);
                    double sum = Dot(weight, Values(input, row));
                    if (call.Beta != 0)
                        sum += (double)call.Beta * output[o];
                    if (call.Bias is { } bias)
                        sum += Values(bias, 0)[o];
                    for (int r = 0; r < gated[row].Length; r++)
                        sum += b[r] * gated[row][r];
                    output[o] = (float)sum;
                }
            }
        }
    }

    private static RowDelta? DeltaOf(in LinearCall call, int row, int rows)
    {
        for (int i = 0; i < call.DeltaCount; i++)
        {
            RowDelta delta = call.DeltaAt(i, rows);
            if (row >= delta.FirstRow && row < delta.EndRow)
                return delta;
        }

        return null;
    }

    /// <inheritdoc/>
    public override void Recover(TensorView w0, LowRankDelta delta, ReadOnlySpan<float> gate, Tensor destination)
    {
        OperandChecks.Recover(w0.Rows, w0.Columns, delta, gate, destination);
        for (int row = 0; row < w0.Rows; row++)
            RecoverRow(Decode((byte*)w0.Slice(row, 1).Data, w0.DType, w0.Columns), delta, gate, CpuDevice.Cpu(destination), row);
    }

    /// <inheritdoc/>
    public override void Recover(Tensor w0, LowRankDelta delta, ReadOnlySpan<float> gate, Tensor destination)
    {
        OperandChecks.Recover(w0.Rows, w0.Columns, delta, gate, destination);
        for (int row = 0; row < w0.Rows; row++)
            RecoverRow(Decode(CpuDevice.Cpu(w0), row), delta, gate, CpuDevice.Cpu(destination), row);
    }

    private static void RecoverRow(float[] w0, LowRankDelta delta, ReadOnlySpan<float> gate, CpuTensor destination, int row)
    {
        double[] sums = Array.ConvertAll(w0, value => (double)value);
        float[] b = Decode(CpuDevice.Cpu(delta.B), row);
        for (int r = 0; r < delta.Rank; r++)
        {
            float[] a = Decode(CpuDevice.Cpu(delta.A), r);
            for (int i = 0; i < sums.Length; i++)
                sums[i] += (double)b[r] * gate[r] * a[i];
        }
        fixed (float* values = Array.ConvertAll(sums, sum => (float)sum))
            RowCodec.EncodeScalar(values, destination.Columns, destination.DType, destination.Row(row));
        GC.KeepAlive(destination);
    }

    /// <summary>gate ∘ (A · x). A row of zeros adds nothing, whatever A · x is: nothing is returned.</summary>
    private static double[] Gated(ReadOnlySpan<float> x, LowRankDelta delta, ReadOnlySpan<float> gate)
    {
        if (!gate.ContainsAnyExcept(0f))
            return [];
        double[] gated = new double[delta.Rank];
        for (int r = 0; r < gated.Length; r++)
            gated[r] = gate[r] * Dot(Decode(CpuDevice.Cpu(delta.A), r), x);
        return gated;
    }

    private static double Dot(float[] weight, ReadOnlySpan<float> x)
    {
        double sum = 0;
        for (int i = 0; i < weight.Length; i++)
            sum += (double)weight[i] * x[i];
        return sum;
    }
}
