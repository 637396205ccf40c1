using MoeLora.Tensors.Cpu;
using MoeLora.Tensors.Tests.Conformance;

namespace MoeLora.Tensors.Tests.Cpu;

public partial class AllocationTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void TrainingOperations_AfterWarmUp_AllocateNothing(int threads) => AllocateNothing(threads, TrainingStep);

    private static Action<int> TrainingStep(CpuDevice device)
    {
        Tensor Rows(int seed) => Matrix.Random(MaxRows, Hidden, 1, seed).Put(device);
        Tensor Row(int seed) => Matrix.Random(1, Hidden, 1, seed).Put(device);
        Tensor x = Rows(1), y = Rows(2), dy = Rows(3), dx = Rows(4), dx2 = Rows(5), mean = Rows(6), meanSquare = Rows(7), weight = Row(8), dw = Row(9), db = Row(10);
        Tensor logSums = device.Allocate(DType.F32, MaxRows, Heads), keys = Rows(11), keyGradient = Rows(12), logits = Matrix.Random(MaxRows, Vocabulary).Put(device);
        int[] indices = new int[MaxRows];
        var spans = new SelfSpan[2];

        return rows =>
        {
            int first = Math.Max(1, rows / 2);
            spans[0] = new SelfSpan(0, first, first / 2);
            spans[1] = new SelfSpan(first, rows - first);
            device.RmsNormBackward(x, weight, 1e-5f, dy, dx, dw, rows);
            device.LayerNormBackward(x, weight, 1e-5f, dy, dx, dw, db, rows);
            device.SiluGateBackward(x, y, dy, dx, dx2, rows);
            device.GeluBackward(x, dy, dx, rows, GeluKind.Tanh);
            device.SoftmaxBackward(x, dy, dx, rows);
            device.SumRows(dy, db, rows);
            HeadView q = new(x, 0, Dim, Heads, Dim), k = new(keys, 0, Dim, KvHeads, Dim), v = new(keys, KvHeads * Dim, Dim, KvHeads, Dim);
            device.SelfAttention(q, k, v, spans, 0.2f, y, logSums);
            device.SelfAttentionBackward(
                q, k, v, spans, 0.2f, y, logSums, dy, q with { Tensor = dx }, k with { Tensor = keyGradient }, v with { Tensor = keyGradient });
            device.CrossEntropy(logits, indices.AsSpan(0, rows), 0.1f);
            device.Fill(y, 1, rows);
            device.Copy(x, y, rows);
            device.AddScaled(x, 0.5f, y, rows);
            device.Multiply(x, y, 1, y, rows);
            device.Dropout(x, 0.1f, 1, y, rows);
            device.ScatterAddRows(dy, indices.AsSpan(0, rows), dx2);
            device.SumOfSquares(dx);
            device.AdamW(y, dy, mean, meanSquare, new AdamWStep(2, 0.01f));
        };
    }
}
