namespace MoeLora.Tensors.Cpu;

public unsafe partial class CpuDevice
{
    /// <summary>An element with an exponential costs about this many simple ones.</summary>
    private const int ExponentialWork = 4;

    /// <inheritdoc/>
    public override void RmsNorm(Tensor input, Tensor weight, float epsilon, Tensor output, int rows)
    {
        OperandChecks.Norm(input, weight, null, output, rows);
        var items = new RmsNormRows { Lanes = Lanes, Input = Cpu(input), Weight = Cpu(weight), Epsilon = epsilon, Output = Cpu(output) };
        ForEach(ref items, rows, input.Columns);
    }

    /// <inheritdoc/>
    public override void LayerNorm(Tensor input, Tensor weight, Tensor bias, float epsilon, Tensor output, int rows)
    {
        OperandChecks.Norm(input, weight, bias, output, rows);
        var items = new LayerNormRows { Lanes = Lanes, Input = Cpu(input), Weight = Cpu(weight), Bias = Cpu(bias), Epsilon = epsilon, Output = Cpu(output) };
        ForEach(ref items, rows, input.Columns);
    }

    /// <inheritdoc/>
    public override void Rotary(HeadView heads, int rows, int dimOffset, RotaryTable table, ReadOnlySpan<int> positions)
    {
        OperandChecks.Rotary(heads, rows, dimOffset, table, positions);
        fixed (int* at = positions)
        {
            var items = new RotaryRows
            {
                Lanes = Lanes,
                Heads = heads,
                Tensor = Cpu(heads.Tensor),
                DimOffset = dimOffset,
                Cos = Cpu(table.Cos),
                Sin = Cpu(table.Sin),
                Positions = at,
            };
            ForEach(ref items, rows, (long)heads.Heads * table.Cos.Columns * 2);
        }
    }

    /// <inheritdoc/>
    public override void SiluGate(Tensor gate, Tensor up, Tensor output, int rows)
    {
        OperandChecks.SiluGate(gate, up, output, rows);
        var items = new SiluGateSegments { Lanes = Lanes, Gate = Cpu(gate), Up = Cpu(up), Output = Cpu(output), Segments = Segments(Cpu(gate)) };
        ForEach(ref items, rows * items.Segments, SegmentColumns * ExponentialWork);
    }

    /// <inheritdoc/>
    public override void Gelu(Tensor input, Tensor output, int rows, GeluKind kind)
    {
        OperandChecks.Elementwise(input, output, rows);
        var items = new GeluSegments { Lanes = Lanes, Input = Cpu(input), Output = Cpu(output), Kind = kind, Segments = Segments(Cpu(input)) };
        ForEach(ref items, rows * items.Segments, SegmentColumns * ExponentialWork);
    }

    /// <inheritdoc/>
    public override void Softmax(Tensor values, int rows)
    {
        OperandChecks.Activations(values, rows, nameof(values));
        var items = new SoftmaxRows { Lanes = Lanes, Values = Cpu(values) };
        ForEach(ref items, rows, (long)values.Columns * ExponentialWork);
    }

    /// <inheritdoc/>
    public override int? ArgMax(Tensor values, int row)
    {
        OperandChecks.Activations(values, 0, nameof(values));
        OperandChecks.Row(values, row, values.Columns, nameof(values));
        int? column = Kernels.ArgMax.Row(Lanes, Cpu(values).F32Row(row), values.Columns);
        GC.KeepAlive(values);
        return column;
    }

    private struct RmsNormRows : IItems
    {
        public int Lanes;
        public CpuTensor Input, Weight, Output;
        public float Epsilon;

        public readonly void Execute(int item)
            => Kernels.RmsNorm.Row(Lanes, Input.F32Row(item), Weight.F32Row(0), Epsilon, Output.F32Row(item), Input.Columns);
    }

    private struct LayerNormRows : IItems
    {
        public int Lanes;
        public CpuTensor Input, Weight, Bias, Output;
        public float Epsilon;

        public readonly void Execute(int item)
            => Kernels.LayerNorm.Row(Lanes, Input.F32Row(item), Weight.F32Row(0), Bias.F32Row(0), Epsilon, Output.F32Row(item), Input.Columns);
    }

    private struct RotaryRows : IItems
    {
        public int Lanes;
        public HeadView Heads;
        public CpuTensor Tensor, Cos, Sin;
        public int DimOffset;
        public int* Positions;

        public readonly void Execute(int item)
        {
            float* head = Tensor.F32Row(item) + Heads.Offset + DimOffset;
            float* cos = Cos.F32Row(Positions[item]);
            float* sin = Sin.F32Row(Positions[item]);
            for (int i = 0; i < Heads.Heads; i++)
                Kernels.Rotary.Head(Lanes, head + (long)i * Heads.Stride, cos, sin, Cos.Columns);
        }
    }

    private struct SiluGateSegments : IItems
    {
        public int Lanes;
        public CpuTensor Gate, Up, Output;
        public int Segments;

        public readonly void Execute(int item)
        {
            (int row, int segment) = Math.DivRem(item, Segments);
            int start = segment * SegmentColumns;
            Kernels.SiluGate.Run(
                Lanes, Gate.F32Row(row) + start, Up.F32Row(row) + start, Output.F32Row(row) + start, Math.Min(Gate.PaddedColumns - start, SegmentColumns));
        }
    }

    private struct GeluSegments : IItems
    {
        public int Lanes;
        public CpuTensor Input, Output;
        public GeluKind Kind;
        public int Segments;

        public readonly void Execute(int item)
        {
            (int row, int segment) = Math.DivRem(item, Segments);
            int start = segment * SegmentColumns;
            Kernels.Gelu.Run(Lanes, Input.F32Row(row) + start, Output.F32Row(row) + start, Math.Min(Input.PaddedColumns - start, SegmentColumns), Kind);
        }
    }

    private struct SoftmaxRows : IItems
    {
        public int Lanes;
        public CpuTensor Values;

        public readonly void Execute(int item) => Kernels.Softmax.Row(Lanes, Values.F32Row(item), Values.Columns);
    }
}
