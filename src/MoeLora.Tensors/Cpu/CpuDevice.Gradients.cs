using MoeLora.Tensors.Cpu.Kernels;

namespace MoeLora.Tensors.Cpu;

public unsafe partial class CpuDevice
{
    /// <inheritdoc/>
    public override void RmsNormBackward(
        Tensor input, Tensor weight, float epsilon, Tensor outputGradient, Tensor inputGradient, Tensor? weightGradient, int rows)
    {
        OperandChecks.NormBackward(input, weight, outputGradient, inputGradient, weightGradient, null, rows);
        NormBackward(isLayerNorm: false, input, weight, epsilon, outputGradient, inputGradient, weightGradient, null, rows);
    }

    /// <inheritdoc/>
    public override void LayerNormBackward(
        Tensor input, Tensor weight, float epsilon, Tensor outputGradient, Tensor inputGradient, Tensor? weightGradient, Tensor? biasGradient, int rows)
    {
        OperandChecks.NormBackward(input, weight, outputGradient, inputGradient, weightGradient, biasGradient, rows);
        NormBackward(isLayerNorm: true, input, weight, epsilon, outputGradient, inputGradient, weightGradient, biasGradient, rows);
    }

    /// <inheritdoc/>
    public override void SiluGateBackward(Tensor gate, Tensor up, Tensor outputGradient, Tensor gateGradient, Tensor upGradient, int rows)
    {
        OperandChecks.SiluGateBackward(gate, up, outputGradient, gateGradient, upGradient, rows);
        var items = new SiluGateBackwardSegments
        {
            Lanes = Lanes,
            Gate = Cpu(gate),
            Up = Cpu(up),
            OutputGradient = Cpu(outputGradient),
            GateGradient = Cpu(gateGradient),
            UpGradient = Cpu(upGradient),
            Segments = Segments(Cpu(gate)),
        };
        ForEach(ref items, rows * items.Segments, SegmentWork(items.Gate) * ExponentialWork);
    }

    /// <inheritdoc/>
    public override void GeluBackward(Tensor input, Tensor outputGradient, Tensor inputGradient, int rows, GeluKind kind)
    {
        OperandChecks.Gradients(input, nameof(input), outputGradient, inputGradient, nameof(inputGradient), rows);
        var items = new GeluBackwardSegments
        {
            Lanes = Lanes,
            Input = Cpu(input),
            OutputGradient = Cpu(outputGradient),
            InputGradient = Cpu(inputGradient),
            Kind = kind,
            Segments = Segments(Cpu(input)),
        };
        ForEach(ref items, rows * items.Segments, SegmentWork(items.Input) * ExponentialWork);
    }

    /// <inheritdoc/>
    public override void SoftmaxBackward(Tensor probabilities, Tensor outputGradient, Tensor inputGradient, int rows)
    {
        OperandChecks.Gradients(probabilities, nameof(probabilities), outputGradient, inputGradient, nameof(inputGradient), rows);
        var items = new SoftmaxBackwardRows
        {
            Lanes = Lanes,
            Probabilities = Cpu(probabilities),
            OutputGradient = Cpu(outputGradient),
            InputGradient = Cpu(inputGradient),
        };
        ForEach(ref items, rows, probabilities.Columns);
    }

    private void NormBackward(
        bool isLayerNorm, Tensor input, Tensor weight, float epsilon, Tensor outputGradient, Tensor inputGradient, Tensor? weightGradient,
        Tensor? biasGradient, int rows)
    {
        CpuTensor read = Cpu(input);
        float* partial = PartialSums(read, rows, 2), biasPartial = partial + (long)Blocks(rows) * read.PaddedColumns;
        var blocks = new NormBackwardBlocks
        {
            Lanes = Lanes,
            IsLayerNorm = isLayerNorm,
            Input = read,
            Weight = Cpu(weight),
            Epsilon = epsilon,
            OutputGradient = Cpu(outputGradient),
            InputGradient = Cpu(inputGradient),
            Rows = rows,
            WeightPartial = weightGradient is null ? null : partial,
            BiasPartial = biasGradient is null ? null : biasPartial,
        };
        ForEach(ref blocks, Blocks(rows), 2L * SumBlockRows * read.Columns);
        if (weightGradient is not null)
            Join(partial, rows, Cpu(weightGradient));
        if (biasGradient is not null)
            Join(biasPartial, rows, Cpu(biasGradient));
    }

    private struct NormBackwardBlocks : IItems
    {
        public int Lanes;
        public bool IsLayerNorm;
        public CpuTensor Input, Weight, OutputGradient, InputGradient;
        public float Epsilon;
        public int Rows;
        public float* WeightPartial, BiasPartial;

        public readonly void Execute(int item)
        {
            int columns = Input.Columns;
            long sums = (long)item * Input.PaddedColumns;
            if (WeightPartial != null)
                new Span<float>(WeightPartial + sums, Input.PaddedColumns).Clear();
            if (BiasPartial != null)
                new Span<float>(BiasPartial + sums, Input.PaddedColumns).Clear();
            int end = Math.Min((item + 1) * SumBlockRows, Rows);
            for (int row = item * SumBlockRows; row < end; row++)
            {
                float* input = Input.F32Row(row), gradient = OutputGradient.F32Row(row);
                (float mean, float factor) = IsLayerNorm
                    ? Kernels.LayerNormBackward.Row(Lanes, input, Weight.F32Row(0), Epsilon, gradient, InputGradient.F32Row(row), columns)
                    : (0, Kernels.RmsNormBackward.Row(Lanes, input, Weight.F32Row(0), Epsilon, gradient, InputGradient.F32Row(row), columns));
                if (WeightPartial != null)
                    NormWeightGradient.Add(Lanes, input, gradient, mean, factor, WeightPartial + sums, columns);
                if (BiasPartial != null)
                    ScaledSum.Run(Lanes, gradient, 1, BiasPartial + sums, columns);
            }
        }
    }

    private struct SiluGateBackwardSegments : IItems
    {
        public int Lanes;
        public CpuTensor Gate, Up, OutputGradient, GateGradient, UpGradient;
        public int Segments;

        public readonly void Execute(int item)
        {
            (int row, int start, int count) = Segment(Gate, item, Segments);
            Kernels.SiluGateBackward.Run(
                Lanes, Gate.F32Row(row) + start, Up.F32Row(row) + start, OutputGradient.F32Row(row) + start, GateGradient.F32Row(row) + start,
                UpGradient.F32Row(row) + start, count);
        }
    }

    private struct GeluBackwardSegments : IItems
    {
        public int Lanes;
        public CpuTensor Input, OutputGradient, InputGradient;
        public GeluKind Kind;
        public int Segments;

        public readonly void Execute(int item)
        {
            (int row, int start, int count) = Segment(Input, item, Segments);
            Kernels.GeluBackward.Run(
                Lanes, Input.F32Row(row) + start, OutputGradient.F32Row(row) + start, InputGradient.F32Row(row) + start, count, Kind);
        }
    }

    private struct SoftmaxBackwardRows : IItems
    {
        public int Lanes;
        public CpuTensor Probabilities, OutputGradient, InputGradient;

        public readonly void Execute(int item)
            => Kernels.SoftmaxBackward.Row(
                Lanes, Probabilities.F32Row(item), OutputGradient.F32Row(item), InputGradient.F32Row(item), Probabilities.Columns);
    }
}
