using MoeLora.Tensors.Cpu;
using MoeLora.Tensors.Tests.Conformance;

namespace MoeLora.Tensors.Tests.Cpu;

/// <summary>No operation allocates managed memory once its scratch has grown: not on the calling thread, not on the pool's.</summary>
public partial class AllocationTests
{
    private const int Hidden = 96, Heads = 6, KvHeads = 2, Dim = 16, Vocabulary = 300, MaxRows = 200;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void AllOperations_AfterWarmUp_AllocateNothing(int threads) => AllocateNothing(threads, Step);

    private static void AllocateNothing(int threads, Func<CpuDevice, Action<int>> make)
    {
        using var device = new CpuDevice(threads);
        Action<int> step = make(device);
        int[] rowCounts = [1, 2, 8, MaxRows];
        // Long enough for tiered compilation and for everything that the runtime makes once.
        for (int i = 0; i < 60; i++)
            step(rowCounts[i % rowCounts.Length]);

        long[] before = new long[threads], after = new long[threads];
        Count(device, before);
        for (int i = 0; i < 40; i++)
            step(rowCounts[i % rowCounts.Length]);
        Count(device, after);

        Assert.Equal(before, after);
    }

    /// <summary>Writes down how many bytes each of the pool's threads has allocated so far.</summary>
    private static void Count(CpuDevice device, long[] bytes)
    {
        var job = new CountJob { Bytes = bytes };
        device.Pool.Run(ref job);
    }

    private static Action<int> Step(CpuDevice device)
    {
        Tensor table = Matrix.Random(Vocabulary, Hidden).Put(device, DType.BF16);
        Tensor weight = Matrix.Random(Vocabulary, Hidden).Put(device, DType.Q8), square = Matrix.Random(Hidden, Hidden).Put(device);
        Tensor squareGradient = device.Allocate(DType.F32, Hidden, Hidden);
        Tensor norm = Matrix.Random(1, Hidden).Put(device);
        Tensor x = device.Allocate(DType.F32, MaxRows, Hidden), y = device.Allocate(DType.F32, MaxRows, Hidden), z = device.Allocate(DType.F32, MaxRows, Hidden);
        Tensor logits = device.Allocate(DType.F32, MaxRows, Vocabulary), gate = Matrix.Random(MaxRows, 8).Put(device);
        var delta = new LowRankDelta(Matrix.Random(8, Hidden).Put(device), Matrix.Random(Vocabulary, 8).Put(device));
        var rotary = new RotaryTable(Matrix.Random(1024, Dim / 2).Put(device), Matrix.Random(1024, Dim / 2).Put(device));
        KvCache[] caches = [device.CreateKvCache(1, KvHeads, Dim, 1024), device.CreateKvCache(1, KvHeads, Dim, 1024)];
        int[] ids = new int[MaxRows], positions = new int[MaxRows];
        float[] row = new float[Vocabulary], gates = new float[8];
        var spans = new AttentionSpan[2];
        var calls = new LinearCall[2];

        return rows =>
        {
            int first = Math.Max(1, rows / 2);
            spans[0] = new AttentionSpan { Cache = caches[0], RowCount = first, Past = 700 };
            spans[1] = new AttentionSpan { Cache = caches[1], FirstRow = first, RowCount = rows - first, Past = 10 };
            device.Embed(table, ids.AsSpan(0, rows), x);
            device.WriteRow(row.AsSpan(0, Hidden), x, 0);
            device.RmsNorm(x, norm, 1e-5f, y, rows);
            device.LayerNorm(x, norm, norm, 1e-5f, y, rows);
            device.Rotary(new HeadView(y, 0, Dim, Heads, Dim), rows, 0, rotary, positions.AsSpan(0, rows));
            device.StoreKv(new HeadView(y, 0, Dim, KvHeads, Dim), new HeadView(y, Dim * KvHeads, Dim, KvHeads, Dim), 0, spans);
            device.Attention(new HeadView(y, 0, Dim, Heads, Dim), 0, spans, 0.2f, z);
            device.SiluGate(y, z, z, rows);
            device.Gelu(z, z, rows, GeluKind.Tanh);
            device.Gelu(z, z, rows, GeluKind.Erf);
            device.GatherRows(z, positions.AsSpan(0, rows), y);
            calls[0] = new LinearCall { Weight = weight, Output = logits, Delta = delta, Gate = gate };
            calls[1] = new LinearCall { Weight = square, Output = z, Beta = 1 };
            device.Linear(x, rows, calls);
            device.LinearBackwardInput(logits, weight, y, rows);
            device.LinearBackwardWeight(z, x, squareGradient, rows);
            device.Softmax(logits, rows);
            device.ArgMax(logits, 0);
            device.Download(logits, 0, row);
        };
    }

    private struct CountJob : IParallelJob
    {
        public long[] Bytes;

        public readonly void Execute(WorkerPool pool, int worker) => Bytes[worker] = GC.GetAllocatedBytesForCurrentThread();
    }
}
