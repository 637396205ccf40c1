using System.Numerics;
using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Attending;
using MoeLora.Tensors.Cpu.Vectors;
using MoeLora.Tensors.Memory;

namespace MoeLora.Tensors.Cpu;

public unsafe partial class CpuDevice
{
    /// <summary>Below this many query-key-element products attention takes less time than waking the pool.</summary>
    private const long InlineProducts = 128 * 1024;

    private readonly AttentionPlan _plan = new();
    private readonly ScratchMemory _attentionScratch = new();

    /// <inheritdoc/>
    public override void StoreKv(HeadView keys, HeadView values, int layer, ReadOnlySpan<AttentionSpan> spans)
    {
        OperandChecks.StoreKv(keys, values, layer, spans);
        foreach (ref readonly AttentionSpan span in spans)
        {
            var heads = new StoreHeads
            {
                Keys = Cpu(keys.Tensor),
                Values = Cpu(values.Tensor),
                KeyView = keys,
                ValueView = values,
                Layer = layer,
                Pool = Cpu(span.Cache),
                Span = span,
            };
            ForEach(ref heads, keys.Heads, 2L * span.RowCount * keys.HeadDim);
        }
    }

    /// <inheritdoc/>
    public override void Attention(HeadView queries, int layer, ReadOnlySpan<AttentionSpan> spans, float scale, Tensor output)
    {
        OperandChecks.Attention(queries, layer, spans, output);
        _plan.Build(queries.Heads, layer, spans, Pool.Threads);
        if (_plan.PartCount == 0)
            return;
        CpuTensor from = Cpu(queries.Tensor), to = Cpu(output);
        var kernel = new AttentionKernel
        {
            Queries = from.F32Row(0) + queries.Offset,
            QueryStride = from.Stride / sizeof(float),
            QueryHeadStride = queries.Stride,
            Output = to.F32Row(0),
            OutputStride = to.Stride / sizeof(float),
            HeadDim = queries.HeadDim,
            ValueStride = Cpu(spans[0].Cache).ValueStride,
            Scale = scale,
            MaxQueries = _plan.MaxQueries,
        };
        bool inline = _plan.Pairs * queries.HeadDim <= InlineProducts;
        int workers = inline ? 1 : Pool.Threads;
        long scratchFloats = (kernel.ScratchFloats + 15) & ~15L;
        // In steps of powers of two: a context that grows by one position a call must not allocate again and again.
        long floats = workers * scratchFloats + _plan.PartialBlocks * kernel.ResultFloats;
        float* scratch = (float*)_attentionScratch.Reserve((long)BitOperations.RoundUpToPowerOf2((ulong)floats) * sizeof(float));
        var job = new AttentionJob
        {
            Plan = _plan,
            Kernel = kernel,
            Scratch = scratch,
            ScratchFloats = scratchFloats,
            Partial = scratch + workers * scratchFloats,
        };
        if (inline)
            job.Inline();
        else
            Pool.Run(ref job);
        GC.KeepAlive(from);
        GC.KeepAlive(to);
        foreach (ref readonly AttentionSpan span in spans)
            GC.KeepAlive(span.Cache);
    }

    private struct StoreHeads : IItems
    {
        public CpuTensor Keys, Values;
        public HeadView KeyView, ValueView;
        public int Layer;
        public CpuKvPool Pool;
        public AttentionSpan Span;

        public readonly void Execute(int item)
        {
            int dim = Pool.HeadDim, panelKeys = Pool.PanelKeys;
            for (int row = 0; row < Span.RowCount; row++)
            {
                float* key = Keys.F32Row(Span.FirstRow + row) + KeyView.Offset + (long)item * KeyView.Stride;
                float* value = Values.F32Row(Span.FirstRow + row) + ValueView.Offset + (long)item * ValueView.Stride;
                float* panel = Pool.Key(Span.Cache, Layer, item, Span.Past + row);
                for (int i = 0; i < dim; i++)
                    panel[(long)i * panelKeys] = key[i];
                new ReadOnlySpan<float>(value, dim).CopyTo(new Span<float>(Pool.Value(Span.Cache, Layer, item, Span.Past + row), dim));
            }
        }
    }

    private struct AttentionJob : IParallelJob
    {
        public AttentionPlan Plan;
        public AttentionKernel Kernel;
        public float* Scratch;
        public long ScratchFloats;
        public float* Partial;

        public readonly void Execute(WorkerPool pool, int worker)
        {
            float* scratch = Scratch + worker * ScratchFloats;
            for (int part; (part = pool.Take()) < Plan.PartCount;)
                Part(part, scratch);
            if (!Plan.Divided)
                return;
            pool.Barrier();
            for (int group; (group = pool.Take(1)) < Plan.GroupCount;)
                Join(group, scratch);
        }

        public readonly void Inline()
        {
            for (int part = 0; part < Plan.PartCount; part++)
                Part(part, Scratch);
            for (int group = 0; group < Plan.GroupCount; group++)
                Join(group, Scratch);
        }

        private readonly void Part(int index, float* scratch)
        {
            ref readonly AttentionPart part = ref Plan.Parts[index];
            ref readonly AttentionGroup group = ref Plan.Groups[part.Group];
            float* partial = Partial + group.Partial * Kernel.ResultFloats;
            if (group.PanelKeys == 2 * Lanes512.Width)
                Kernel.Execute<Lanes512, Vector512<float>>(group, part, partial, scratch);
            else
                Kernel.Execute<Lanes256, Vector256<float>>(group, part, partial, scratch);
        }

        private readonly void Join(int index, float* scratch)
        {
            ref readonly AttentionGroup group = ref Plan.Groups[index];
            if (group.Parts == 1)
                return;
            float* partial = Partial + group.Partial * Kernel.ResultFloats;
            if (group.PanelKeys == 2 * Lanes512.Width)
                Kernel.Join<Lanes512, Vector512<float>>(group, partial, scratch);
            else
                Kernel.Join<Lanes256, Vector256<float>>(group, partial, scratch);
        }
    }
}
