using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>
/// Dense layers for few input rows (decode): the weights stream through once, each weight row meets all inputs while it is in the first-level cache.
/// An output is computed by the same operations in the same order whatever the number of inputs and the place of the row.
/// </summary>
internal static unsafe class RowKernel<L, V>
    where L : struct, IDenseLanes<V>
    where V : struct
{
    /// <summary>Weight rows that are computed together.</summary>
    public const int RowsTogether = 12;

    private const int InputsTogether = 8;

    /// <summary>Sums of a block.</summary>
    private const int MostSums = RowsTogether * InputsTogether;

    /// <summary>Weight rows of the tallest tile.</summary>
    private const int MostTileRows = 4;

    /// <summary>Floats of scratch that a worker needs for <paramref name="paddedColumns"/> columns.</summary>
    public static int ScratchFloats(int paddedColumns) => MostSums * L.Width + MostTileRows * ScaleStride(paddedColumns);

    /// <summary>Computes outputs [<paramref name="first"/>, <paramref name="end"/>) for all inputs of the plan.</summary>
    /// <param name="plan">The layer.</param>
    /// <param name="input">The job's first input row.</param>
    /// <param name="inputStride">Floats from input row to input row.</param>
    /// <param name="first">First output.</param>
    /// <param name="end">After the last output.</param>
    /// <param name="scratch"><see cref="ScratchFloats"/> floats of this worker.</param>
    public static void Run(in LinearPlan plan, float* input, long inputStride, int first, int end, float* scratch)
    {
        switch (plan.Weight.DType)
        {
            case DType.F32: Run<WeightsF32>(plan, input, inputStride, first, end, scratch); break;
            case DType.F16: Run<WeightsF16>(plan, input, inputStride, first, end, scratch); break;
            case DType.BF16: Run<WeightsBF16>(plan, input, inputStride, first, end, scratch); break;
            case DType.Q8: Run<WeightsQ8>(plan, input, inputStride, first, end, scratch); break;
            default: throw new InvalidOperationException($"No dense kernel for {plan.Weight.DType}.");
        }
    }

    private static int ScaleStride(int paddedColumns) => (paddedColumns / Q8Format.BlockSize + 16) & ~15;

    private static void Run<TFormat>(in LinearPlan plan, float* input, long inputStride, int first, int end, float* scratch)
        where TFormat : struct, IWeightFormat
    {
        float* sums = scratch;
        float* scales = scratch + MostSums * L.Width;
        int scaleStride = ScaleStride(plan.Weight.PaddedColumns);
        for (int row = first; row < end; row += RowsTogether)
        {
            for (int t = 0; t < plan.Inputs; t += InputsTogether)
            {
                Block<TFormat>(
                    plan, input + (plan.FirstInput + t) * inputStride, inputStride, t, Math.Min(InputsTogether, plan.Inputs - t), row, Math.Min(RowsTogether, end - row), scales, scaleStride, sums);
            }
        }
    }

    /// <summary>Up to twelve weight rows with up to eight inputs.</summary>
    private static void Block<TFormat>(in LinearPlan plan, float* input, long inputStride, int t, int inputs, int row, int rows, float* scales, int scaleStride, float* sums)
        where TFormat : struct, IWeightFormat
    {
        byte* w = plan.Weight.Data + row * plan.Weight.Stride + TFormat.ElementOffset(plan.Weight.Columns);
        long stride = plan.Weight.Stride;
        int columns = plan.Weight.PaddedColumns;
        // Missing inputs are computed as copies of the last one and thrown away.
        float** padded = stackalloc float*[InputsTogether];
        for (int i = 0; i < InputsTogether; i++)
            padded[i] = input + Math.Min(i, inputs - 1) * inputStride;
        int done = 0, tileInputs = inputs <= 2 ? inputs : inputs <= 4 ? 4 : 8;
        if (inputs == 1)
        {
            for (; done + 4 <= rows; done += 4)
            {
                PrepareRows<TFormat>(plan, row + done, 4, scales, scaleStride);
                DotTile<L, V, TFormat>.Run4x1(w + done * stride, stride, scales, scaleStride, padded, columns, sums + done * L.Width);
            }
        }
        else if (inputs == 2)
        {
            for (; done + 4 <= rows; done += 4)
            {
                PrepareRows<TFormat>(plan, row + done, 4, scales, scaleStride);
                DotTile<L, V, TFormat>.Run4x2(w + done * stride, stride, scales, scaleStride, padded, columns, sums + done * 2 * L.Width);
            }
        }
        else if (inputs <= 4)
        {
            for (; done + 2 <= rows; done += 2)
            {
                PrepareRows<TFormat>(plan, row + done, 2, scales, scaleStride);
                DotTile<L, V, TFormat>.Run2x4(w + done * stride, stride, scales, scaleStride, padded, columns, sums + done * 4 * L.Width);
            }
        }
        else if (L.Width == 16)
        {
            for (; done + 3 <= rows; done += 3)
            {
                PrepareRows<TFormat>(plan, row + done, 3, scales, scaleStride);
                DotTile<L, V, TFormat>.Run3x8(w + done * stride, stride, scales, scaleStride, padded, columns, sums + done * 8 * L.Width);
            }
        }

        Finish(plan, t, inputs, row, done, tileInputs, sums);
        int rest = done;
        for (; done < rows; done++)
        {
            PrepareRows<TFormat>(plan, row + done, 1, scales, scaleStride);
            DotTile<L, V, TFormat>.Run1x8(w + done * stride, stride, scales, scaleStride, padded, columns, sums + (done - rest) * 8 * L.Width);
        }

        Finish(plan, t, inputs, row + rest, rows - rest, 8, sums);
    }

    /// <summary>Widens the scales of a tile's rows, which the tile before has prefetched.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PrepareRows<TFormat>(in LinearPlan plan, int row, int count, float* scales, int scaleStride)
        where TFormat : struct, IWeightFormat
    {
        if (!TFormat.HasScales)
            return;
        for (int r = 0; r < count; r++)
            TFormat.PrepareRow<L, V>(plan.Weight.Data + (row + r) * plan.Weight.Stride, plan.Weight.Columns, scales + r * scaleStride);
    }

    /// <summary>Adds the low-rank parts to the partial sums, sums the lanes, and writes the outputs.</summary>
    /// <param name="plan">The layer.</param>
    /// <param name="t">The first input.</param>
    /// <param name="inputs">Inputs.</param>
    /// <param name="row">The first output.</param>
    /// <param name="rows">Outputs.</param>
    /// <param name="tileInputs">Registers of sums for each output, of which the first <paramref name="inputs"/> count.</param>
    /// <param name="sums">[rows, tileInputs] registers.</param>
    internal static void Finish(in LinearPlan plan, int t, int inputs, int row, int rows, int tileInputs, float* sums)
    {
        for (int i = 0; i < plan.PartCount; i++)
        {
            ref LowRankPart part = ref plan.Parts[i];
            int first = Math.Max(t, part.First), end = Math.Min(t + inputs, part.First + part.Count);
            if (first >= end)
                continue;
            float* partSums = sums + (first - t) * L.Width;
            float* u = part.U + (long)(first - part.First) * part.UColumns;
            switch (part.B.DType)
            {
                case DType.F32: AddLowRank<WeightsF32>(part, u, end - first, row, rows, tileInputs, partSums); break;
                case DType.F16: AddLowRank<WeightsF16>(part, u, end - first, row, rows, tileInputs, partSums); break;
                default: AddLowRank<WeightsBF16>(part, u, end - first, row, rows, tileInputs, partSums); break;
            }
        }

        int stride = tileInputs * L.Width;
        for (int i = 0; i < inputs; i++)
        {
            float* s = sums + i * L.Width;
            int r = 0;
            for (; r + 4 <= rows; r += 4, s += 4 * stride)
                Write(plan, t + i, row + r, L.SumFour(L.Load(s), L.Load(s + stride), L.Load(s + 2 * stride), L.Load(s + 3 * stride)));
            for (; r < rows; r++, s += stride)
                Write(plan, t + i, row + r, L.SumFour(L.Load(s), L.Zero, L.Zero, L.Zero).ToScalar());
        }
    }

    /// <summary>Four neighbouring outputs of an input.</summary>
    private static void Write(in LinearPlan plan, int t, int row, Vector128<float> y)
    {
        if (plan.Bias != null)
            y += Vector128.Load(plan.Bias + row);
        if (plan.Gate != null)
        {
            Vector128<float> gate = Vector128.Load(plan.Gate + t * plan.GateStride + row);
            y = Vector128.ConditionalSelect(Vector128.Equals(gate, Vector128<float>.Zero), Vector128<float>.Zero, y * gate);
        }

        float* output = plan.Output + t * plan.OutputStride + row;
        if (plan.Beta != 0)
            y += Vector128.Create(plan.Beta) * Vector128.Load(output);
        y.Store(output);
    }

    private static void Write(in LinearPlan plan, int t, int row, float y)
    {
        if (plan.Bias != null)
            y += plan.Bias[row];
        if (plan.Gate != null)
            y = Gated(y, plan.Gate[t * plan.GateStride + row]);
        float* output = plan.Output + t * plan.OutputStride + row;
        *output = plan.Beta == 0 ? y : y + plan.Beta * *output;
    }

    private static void AddLowRank<TFormat>(in LowRankPart part, float* firstU, int inputs, int row, int rows, int tileInputs, float* sums)
        where TFormat : struct, IWeightFormat
    {
        int rank = part.B.PaddedColumns;
        byte* b = part.B.Data + row * part.B.Stride;
        long bytes = rows * part.B.Stride;
        for (long next = 0; Sse.IsSupported && next < bytes; next += 64)
            Sse.Prefetch0(b + bytes + next);
        for (int r = 0; r < rows; r++, b += part.B.Stride, sums += tileInputs * L.Width)
        {
            float* u = firstU;
            for (int i = 0; i < inputs; i++, u += part.UColumns)
            {
                V sum = L.Load(sums + i * L.Width);
                for (nint j = 0; j < rank; j += L.Width)
                    sum = L.Fma(TFormat.Load<L, V>(b, null, j), L.Load(u + j), sum);
                L.Store(sums + i * L.Width, sum);
            }
        }
    }

    /// <summary>A gate of zero means that the row has no adapter, even where A · x is not finite.</summary>
    public static float Gated(float value, float gate) => gate == 0 ? 0 : value * gate;
}
