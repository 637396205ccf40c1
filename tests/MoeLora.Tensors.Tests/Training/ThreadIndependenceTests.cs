using MoeLora.Tensors.Cpu;
using MoeLora.Tensors.Tests.Conformance;

namespace MoeLora.Tensors.Tests.Training;

/// <summary>Every operation of training gives the same bits on any number of threads: sums are divided by shape only.</summary>
public class ThreadIndependenceTests
{
    private const int Rows = 700, Columns = 300, Heads = 6, KeyHeads = 2, Dim = 16;

    [Fact]
    public void TrainingOperations_OneTwoOrThreeThreads_GiveTheSameBits()
    {
        float[] one = Run(1);
        Assert.Equal(one, Run(1));
        Assert.Equal(one, Run(2));
        Assert.Equal(one, Run(3));
    }

    private static float[] Run(int threads)
    {
        using var device = new CpuDevice(threads);
        Tensor x = Random(Rows, Columns, 1), y = Random(Rows, Columns, 2), dy = Random(Rows, Columns, 3), dx = Random(Rows, Columns, 4), dx2 = Random(Rows, Columns, 5);
        Tensor weight = Random(1, Columns, 6), dw = Random(1, Columns, 7), db = Random(1, Columns, 8), table = Random(50, Columns, 9);
        int[] indices = [.. Enumerable.Range(0, Rows).Select(i => i * 7 % 50)];

        device.RmsNormBackward(x, weight, 1e-5f, dy, dx, dw, Rows);
        device.LayerNormBackward(x, weight, 1e-5f, dy, dx, dw, db, Rows);
        device.SiluGateBackward(x, y, dy, dx, dx2, Rows);
        device.GeluBackward(x, dy, dx, Rows, GeluKind.Erf);
        device.SoftmaxBackward(x, dy, dx, Rows);
        device.SumRows(dx, db, Rows);
        device.ScatterAddRows(dx, indices, table);
        device.Dropout(x, 0.3f, 9, y, Rows);
        device.AddScaled(y, 0.5f, dx, Rows);
        device.Multiply(x, y, 1, dx2, Rows);
        var values = new List<float>();

        Tensor qkv = Random(Rows, (Heads + 2 * KeyHeads) * Dim, 10), gradient = Random(Rows, (Heads + 2 * KeyHeads) * Dim, 11);
        Tensor output = device.Allocate(DType.F32, Rows, Heads * Dim), logSums = device.Allocate(DType.F32, Rows, Heads), upper = Random(Rows, Heads * Dim, 12);
        // Two spans are divided by query heads on three threads, seven are not on any.
        foreach (SelfSpan[] spans in (SelfSpan[][])[[new SelfSpan(0, 600, 70)], [.. Enumerable.Range(0, 7).Select(i => new SelfSpan(100 * i, 100 - i, i))]])
        {
            HeadView queries = new(qkv, 0, Dim, Heads, Dim), keys = new(qkv, Heads * Dim, Dim, KeyHeads, Dim), vs = new(qkv, (Heads + KeyHeads) * Dim, Dim, KeyHeads, Dim);
            device.SelfAttention(queries, keys, vs, spans, 0.25f, output, logSums);
            device.SelfAttentionBackward(
                queries, keys, vs, spans, 0.25f, output, logSums, upper, queries with { Tensor = gradient }, keys with { Tensor = gradient },
                vs with { Tensor = gradient });
            values.AddRange(Matrix.Read(output).Values);
        }

        double squares = device.SumOfSquares(dx), loss = device.CrossEntropy(x, [.. Enumerable.Range(0, Rows).Select(i => i % Columns)], 0.1f);
        values.Add(BitConverter.Int32BitsToSingle((int)(BitConverter.DoubleToInt64Bits(squares) & 0xFFFFFF)));
        values.Add(BitConverter.Int32BitsToSingle((int)(BitConverter.DoubleToInt64Bits(loss) & 0xFFFFFF)));
        Tensor mean = Random(Rows, Columns, 13), meanSquare = device.Allocate(DType.F32, Rows, Columns);
        device.Fill(meanSquare, 0.5f, Rows);
        device.AdamW(dx, dy, mean, meanSquare, new AdamWStep(3, 0.01f, WeightDecay: 0.1f));
        foreach (Tensor tensor in (Tensor[])[x, y, dx, dx2, dw, db, table, logSums, gradient, mean, meanSquare])
            values.AddRange(Matrix.Read(tensor).Values);
        Assert.DoesNotContain(values, value => !float.IsFinite(value));
        return [.. values];

        Tensor Random(int rows, int columns, int seed) => Matrix.Random(rows, columns, 1, seed).Put(device);
    }
}
