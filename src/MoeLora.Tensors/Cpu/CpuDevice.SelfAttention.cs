using System.Numerics;
using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Attending;
using MoeLora.Tensors.Cpu.Vectors;
using MoeLora.Tensors.Memory;

namespace MoeLora.Tensors.Cpu;

public unsafe partial class CpuDevice
{
    private readonly ScratchMemory _selfAttentionScratch = new();

    /// <inheritdoc/>
    public override void SelfAttention(
        HeadView queries, HeadView keys, HeadView values, ReadOnlySpan<SelfSpan> spans, float scale, Tensor output, Tensor logSums)
    {
        OperandChecks.SelfAttention(queries, keys, values, spans, output, logSums);
        SelfAttentionOperands operands = Operands(queries, keys, values, spans, scale, output, logSums);
        // With few keys' heads their query heads are divided, too, at the price of packing the keys again.
        bool divide = spans.Length * keys.Heads < 2 * Pool.Threads;
        Run(operands, spans, divide ? queries.Heads : keys.Heads, divide ? 1 : operands.HeadsPerKey, backward: false);
        KeepAlive(queries, keys, values, output, logSums);
    }

    /// <inheritdoc/>
    public override void SelfAttentionBackward(
        HeadView queries, HeadView keys, HeadView values, ReadOnlySpan<SelfSpan> spans, float scale, Tensor output, Tensor logSums, Tensor outputGradient,
        HeadView queryGradient, HeadView keyGradient, HeadView valueGradient)
    {
        OperandChecks.SelfAttentionBackward(
            queries, keys, values, spans, output, logSums, outputGradient, queryGradient, keyGradient, valueGradient);
        SelfAttentionOperands operands = Operands(queries, keys, values, spans, scale, output, logSums);
        operands.OutputGradient = new HeadRows(Cpu(outputGradient), 0, queries.HeadDim);
        operands.QueryGradient = Rows(queryGradient);
        operands.KeyGradient = Rows(keyGradient);
        operands.ValueGradient = Rows(valueGradient);
        Run(operands, spans, keys.Heads, operands.HeadsPerKey, backward: true);
        KeepAlive(queries, keys, values, output, logSums);
        KeepAlive(queryGradient, keyGradient, valueGradient, outputGradient, outputGradient);
    }

    private static SelfAttentionOperands Operands(
        HeadView queries, HeadView keys, HeadView values, ReadOnlySpan<SelfSpan> spans, float scale, Tensor output, Tensor logSums)
    {
        if (queries.HeadDim > SelfAttentionTile.KeyBlock)
            throw new ArgumentException($"Heads of {queries.HeadDim} elements; this device takes {SelfAttentionTile.KeyBlock} at most.", nameof(queries));
        var operands = new SelfAttentionOperands
        {
            Queries = Rows(queries),
            Keys = Rows(keys),
            Values = Rows(values),
            Output = new HeadRows(Cpu(output), 0, queries.HeadDim),
            LogSums = new HeadRows(Cpu(logSums), 0, 1),
            HeadDim = queries.HeadDim,
            HeadsPerKey = queries.Heads / keys.Heads,
            Scale = scale,
        };
        foreach (ref readonly SelfSpan span in spans)
            operands.MaxRows = Math.Max(operands.MaxRows, span.RowCount);
        return operands;
    }

    private static HeadRows Rows(HeadView heads) => new(Cpu(heads.Tensor), heads.Offset, heads.Stride);

    private static void KeepAlive(HeadView a, HeadView b, HeadView c, Tensor d, Tensor e)
    {
        GC.KeepAlive(a.Tensor);
        GC.KeepAlive(b.Tensor);
        GC.KeepAlive(c.Tensor);
        GC.KeepAlive(d);
        GC.KeepAlive(e);
    }

    private void Run(in SelfAttentionOperands operands, ReadOnlySpan<SelfSpan> spans, int parts, int headsPerPart, bool backward)
    {
        if (operands.MaxRows == 0)
            return;
        long products = 0;
        foreach (ref readonly SelfSpan span in spans)
            products += (long)span.RowCount * Math.Max(span.RowCount, 1) * parts * headsPerPart * operands.HeadDim;
        bool inline = products <= InlineProducts;
        fixed (SelfSpan* all = spans)
        {
            var job = new SelfAttentionJob
            {
                Operands = operands,
                Spans = all,
                Parts = parts,
                Items = spans.Length * parts,
                HeadsPerPart = headsPerPart,
                Backward = backward,
                Wide = Lanes == Lanes512.Width,
            };
            // In steps of powers of two: spans that are a little longer from call to call must not allocate again and again.
            job.ScratchFloats = (long)BitOperations.RoundUpToPowerOf2((ulong)job.NeededFloats);
            job.Scratch = (float*)_selfAttentionScratch.Reserve((inline ? 1 : Pool.Threads) * job.ScratchFloats * sizeof(float));
            if (inline)
                job.Inline();
            else
                Pool.Run(ref job);
        }
    }

    private struct SelfAttentionJob : IParallelJob
    {
        public SelfAttentionOperands Operands;
        public SelfSpan* Spans;
        public int Parts, Items, HeadsPerPart;
        public bool Backward, Wide;
        public float* Scratch;
        public long ScratchFloats;

        public readonly long NeededFloats => (Backward, Wide) switch
        {
            (false, false) => SelfAttentionForward<Lanes256, Vector256<float>>.ScratchFloats(Operands.MaxRows, Operands.HeadDim),
            (false, true) => SelfAttentionForward<Lanes512, Vector512<float>>.ScratchFloats(Operands.MaxRows, Operands.HeadDim),
            (true, false) => SelfAttentionBackward<Lanes256, Vector256<float>>.ScratchFloats(Operands.MaxRows, Operands.HeadDim),
            (true, true) => SelfAttentionBackward<Lanes512, Vector512<float>>.ScratchFloats(Operands.MaxRows, Operands.HeadDim),
        };

        public readonly void Execute(WorkerPool pool, int worker)
        {
            for (int item; (item = pool.Take()) < Items;)
                Item(item, Scratch + worker * ScratchFloats);
        }

        public readonly void Inline()
        {
            for (int item = 0; item < Items; item++)
                Item(item, Scratch);
        }

        private readonly void Item(int item, float* scratch)
        {
            (int span, int part) = Math.DivRem(item, Parts);
            int firstHead = part * HeadsPerPart, keyHead = firstHead / Operands.HeadsPerKey;
            if (Backward && Wide)
                SelfAttentionBackward<Lanes512, Vector512<float>>.Run(Operands, Spans[span], keyHead, scratch);
            else if (Backward)
                SelfAttentionBackward<Lanes256, Vector256<float>>.Run(Operands, Spans[span], keyHead, scratch);
            else if (Wide)
                SelfAttentionForward<Lanes512, Vector512<float>>.Run(Operands, Spans[span], keyHead, firstHead, HeadsPerPart, scratch);
            else
                SelfAttentionForward<Lanes256, Vector256<float>>.Run(Operands, Spans[span], keyHead, firstHead, HeadsPerPart, scratch);
        }
    }
}
