using MoeLora.Tensors.Cpu.Kernels;

namespace MoeLora.Tensors.Cpu;

public unsafe partial class CpuDevice
{
    /// <inheritdoc/>
    public override void Fill(Tensor tensor, float value, int rows)
    {
        OperandChecks.Activations(tensor, rows, nameof(tensor));
        var items = new FillRows { Tensor = Cpu(tensor), Value = value };
        ForEach(ref items, rows, tensor.Columns);
    }

    /// <inheritdoc/>
    public override void Copy(Tensor source, Tensor destination, int rows)
    {
        OperandChecks.Copy(source, destination, rows);
        var items = new CopyRows { Source = Cpu(source), Destination = Cpu(destination) };
        ForEach(ref items, rows, source.Columns);
    }

    /// <inheritdoc/>
    public override void AddScaled(Tensor source, float scale, Tensor destination, int rows)
    {
        OperandChecks.Copy(source, destination, rows);
        var items = new ScaledSumSegments { Lanes = Lanes, Source = Cpu(source), Scale = scale, Destination = Cpu(destination), Segments = Segments(Cpu(source)) };
        ForEach(ref items, rows * items.Segments, SegmentWork(items.Source));
    }

    /// <inheritdoc/>
    public override void Multiply(Tensor a, Tensor b, float beta, Tensor output, int rows)
    {
        OperandChecks.Multiply(a, b, output, rows);
        var items = new ProductSegments { Lanes = Lanes, A = Cpu(a), B = Cpu(b), Beta = beta, Output = Cpu(output), Segments = Segments(Cpu(a)) };
        ForEach(ref items, rows * items.Segments, SegmentWork(items.A));
    }

    /// <inheritdoc/>
    public override void Dropout(Tensor input, float rate, ulong seed, Tensor output, int rows)
    {
        OperandChecks.Dropout(input, rate, output, rows);
        var items = new DropoutSegments { Input = Cpu(input), Rate = rate, Seed = seed, Output = Cpu(output), Segments = Segments(Cpu(input)) };
        ForEach(ref items, rows * items.Segments, SegmentWork(items.Input) * ExponentialWork);
    }

    /// <inheritdoc/>
    public override void AdamW(Tensor parameter, Tensor gradient, Tensor mean, Tensor meanSquare, in AdamWStep step)
    {
        OperandChecks.AdamW(parameter, gradient, mean, meanSquare, step);
        var items = new AdamWSegments
        {
            Lanes = Lanes,
            Parameter = Cpu(parameter),
            Gradient = Cpu(gradient),
            Mean = Cpu(mean),
            MeanSquare = Cpu(meanSquare),
            Step = step,
            Corrections = Kernels.AdamW.Corrections(step),
            Segments = Segments(Cpu(parameter)),
        };
        ForEach(ref items, parameter.Rows * items.Segments, SegmentWork(items.Parameter) * ExponentialWork);
    }

    private struct FillRows : IItems
    {
        public CpuTensor Tensor;
        public float Value;

        public readonly void Execute(int item) => new Span<float>(Tensor.F32Row(item), Tensor.Columns).Fill(Value);
    }

    private struct CopyRows : IItems
    {
        public CpuTensor Source, Destination;

        public readonly void Execute(int item)
            => new ReadOnlySpan<float>(Source.F32Row(item), Source.Columns).CopyTo(new Span<float>(Destination.F32Row(item), Source.Columns));
    }

    private struct ScaledSumSegments : IItems
    {
        public int Lanes;
        public CpuTensor Source, Destination;
        public float Scale;
        public int Segments;

        public readonly void Execute(int item)
        {
            (int row, int start, int count) = Segment(Source, item, Segments);
            ScaledSum.Run(Lanes, Source.F32Row(row) + start, Scale, Destination.F32Row(row) + start, count);
        }
    }

    private struct ProductSegments : IItems
    {
        public int Lanes;
        public CpuTensor A, B, Output;
        public float Beta;
        public int Segments;

        public readonly void Execute(int item)
        {
            (int row, int start, int count) = Segment(A, item, Segments);
            Product.Run(Lanes, A.F32Row(row) + start, B.F32Row(row) + start, Beta, Output.F32Row(row) + start, count);
        }
    }

    private struct DropoutSegments : IItems
    {
        public CpuTensor Input, Output;
        public float Rate;
        public ulong Seed;
        public int Segments;

        public readonly void Execute(int item)
        {
            (int row, int start, int count) = Segment(Input, item, Segments);
            new DropoutMask(Rate, Seed, row).Run(Input.F32Row(row) + start, start, Output.F32Row(row) + start, count);
        }
    }

    private struct AdamWSegments : IItems
    {
        public int Lanes;
        public CpuTensor Parameter, Gradient, Mean, MeanSquare;
        public AdamWStep Step;
        public (double Mean, double MeanSquare) Corrections;
        public int Segments;

        public readonly void Execute(int item)
        {
            (int row, int start, int count) = Segment(Parameter, item, Segments);
            Kernels.AdamW.Run(
                Lanes, Parameter.F32Row(row) + start, Gradient.F32Row(row) + start, Mean.F32Row(row) + start, MeanSquare.F32Row(row) + start, count, Step,
                Corrections);
        }
    }
}
