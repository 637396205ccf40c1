using MoeLora.Tensors.Cpu;
using MoeLora.Tensors.Reference;

namespace MoeLora.Tensors.Tests.Linear;

/// <summary>
/// The dense kernels at every register width against the scalar device. Weights and inputs are small integers, so every product and every
/// sum is exact in F32 whatever the order: results must be equal, not close. (Q8: every block holds a 127, so that its scale is exactly one.)
/// </summary>
public sealed unsafe class DenseKernelTests
{
    /// <summary>Every register width that this processor has, with one thread and with several.</summary>
    public static TheoryData<int, int> WidthsAndThreads
    {
        get
        {
            var data = new TheoryData<int, int>();
            foreach ((int lanes, int threads) in new[] { (16, 1), (16, 3), (8, 1), (8, 2), (1, 1) })
            {
                if (lanes <= WidestLanes)
                    data.Add(lanes, threads);
            }

            return data;
        }
    }

    private static int WidestLanes
    {
        get
        {
            using var device = new CpuDevice(1);
            return device.Lanes;
        }
    }

    [Theory]
    [MemberData(nameof(WidthsAndThreads))]
    public void Linear_AwkwardShapes_EqualsScalarDevice(int lanes, int threads)
    {
        using var device = new CpuDevice(threads) { Lanes = lanes };
        foreach (DType dtype in Enum.GetValues<DType>())
        {
            foreach (int columns in new[] { 1, 15, 16, 17, 31, 32, 33, 64, 176, 513, 1040 })
            {
                foreach (int rows in new[] { 1, 2, 3, 4, 5, 8, 9, 16, 17, 33, 65 })
                    AssertEqual(device, dtype, rows, columns, outputs: 1 + (columns * 7 + rows) % 100, rank: 0, beta: rows % 3 * 0.5f);
            }
        }
    }

    [Theory]
    [MemberData(nameof(WidthsAndThreads))]
    public void Linear_WithLowRankDelta_EqualsScalarDevice(int lanes, int threads)
    {
        using var device = new CpuDevice(threads) { Lanes = lanes };
        foreach (DType dtype in new[] { DType.F32, DType.BF16, DType.Q8 })
        {
            foreach (int rank in new[] { 1, 4, 16, 17, 32, 64, 520 })
            {
                foreach (int rows in new[] { 1, 2, 5, 16, 17, 40 })
                    AssertEqual(device, dtype, rows, columns: 80, outputs: 53, rank, beta: 1);
            }
        }
    }

    [Fact]
    public void Linear_MoreRowsThanOnePackedBlock_EqualsScalarDevice()
    {
        using var device = new CpuDevice(2);
        AssertEqual(device, DType.BF16, rows: 1030, columns: 48, outputs: 100, rank: 8, beta: 0);
    }

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    [InlineData(DType.Q8)]
    public void Linear_SameRowInAnyBatch_IsBitEqual(DType dtype)
    {
        using var device = new CpuDevice(2);
        var random = new Random(5);
        using Tensor weight = Upload(device, dtype, Values(70, 96, () => random.NextSingle() - 0.5f));
        using Tensor a = Upload(device, DType.BF16, Values(16, 96, () => random.NextSingle() - 0.5f));
        using Tensor b = Upload(device, DType.BF16, Values(70, 16, () => random.NextSingle() - 0.5f));
        using Tensor input = Upload(device, DType.F32, Values(60, 96, () => random.NextSingle() - 0.5f));
        using Tensor gate = Upload(device, DType.F32, Values(60, 16, random.NextSingle));
        using Tensor all = device.Allocate(DType.F32, 60, 70);
        using Tensor part = device.Allocate(DType.F32, 60, 70);
        using Tensor partInput = device.Allocate(DType.F32, 60, 96);
        using Tensor partGate = device.Allocate(DType.F32, 60, 16);
        var delta = new LowRankDelta(a, b);
        // Each side of the limit: the row kernel, then the blocked kernel.
        foreach ((int batch, int[] others) in new[] { (device.FewRows, new[] { 1, 2, 3, 4, 7, 8, 9, 15 }), (60, new[] { 17, 18, 31, 33, 59 }) })
        {
            device.Linear(input, batch, [new LinearCall { Weight = weight, Output = all, Delta = delta, Gate = gate }]);
            foreach (int rows in others)
            {
                // The same rows, from the end of the batch on, so that each stands in another place.
                for (int i = 0; i < rows; i++)
                {
                    partInput.CopyRowFrom(input, batch - rows + i, i);
                    partGate.CopyRowFrom(gate, batch - rows + i, i);
                }

                device.Linear(partInput, rows, [new LinearCall { Weight = weight, Output = part, Delta = delta, Gate = partGate }]);
                for (int i = 0; i < rows; i++)
                    Assert.Equal(Row(all, batch - rows + i), Row(part, i));
            }
        }
    }

    [Fact]
    public void Linear_ZeroGate_AddsNothingEvenToInfiniteDelta()
    {
        using var device = new CpuDevice(2);
        var random = new Random(6);
        using Tensor weight = Upload(device, DType.F32, Values(20, 32, random.NextSingle));
        using Tensor a = Upload(device, DType.F32, Values(4, 32, () => float.PositiveInfinity));
        using Tensor b = Upload(device, DType.F32, Values(20, 4, random.NextSingle));
        foreach (int rows in new[] { 3, 20 })
        {
            using Tensor input = Upload(device, DType.F32, Values(rows, 32, random.NextSingle));
            using Tensor gate = device.Allocate(DType.F32, rows, 4);
            using Tensor with = device.Allocate(DType.F32, rows, 20);
            using Tensor without = device.Allocate(DType.F32, rows, 20);
            device.Linear(input, rows, [new LinearCall { Weight = weight, Output = with, Delta = new LowRankDelta(a, b), Gate = gate }]);
            device.Linear(input, rows, [new LinearCall { Weight = weight, Output = without }]);
            for (int i = 0; i < rows; i++)
                Assert.Equal(Row(without, i), Row(with, i));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(17)]
    public void Linear_NaNAndInfinity_ReachEveryOutputOfTheirRowOnly(int rows)
    {
        using var device = new CpuDevice(2);
        var random = new Random(7);
        using Tensor weight = Upload(device, DType.BF16, Values(30, 50, () => random.NextSingle() + 0.1f));
        float[,] values = Values(rows, 50, random.NextSingle);
        values[0, 49] = float.NaN;
        values[rows - 1, 0] = rows > 1 ? float.NegativeInfinity : values[rows - 1, 0];
        using Tensor input = Upload(device, DType.F32, values);
        using Tensor output = device.Allocate(DType.F32, rows, 30);
        device.Linear(input, rows, [new LinearCall { Weight = weight, Output = output }]);
        Assert.All(Row(output, 0), value => Assert.True(float.IsNaN(value)));
        for (int i = 1; i < rows - 1; i++)
            Assert.All(Row(output, i), value => Assert.True(float.IsFinite(value)));
        if (rows > 1)
            Assert.All(Row(output, rows - 1), value => Assert.Equal(float.NegativeInfinity, value));
    }

    [Theory]
    [MemberData(nameof(WidthsAndThreads))]
    public void Recover_AllFormats_EqualsScalarDevice(int lanes, int threads)
    {
        using var device = new CpuDevice(threads) { Lanes = lanes };
        using var reference = new ReferenceDevice();
        var random = new Random(8);
        float[] gate = [2, 0, 1, 3, 1];
        foreach (int columns in new[] { 1, 31, 64, 133, 896 })
        {
            float[,] w0 = Values(37, columns, () => random.Next(-60, 60));
            float[,] a = Values(5, columns, () => random.Next(-3, 4)), b = Values(37, 5, () => random.Next(-2, 3));
            foreach (DType dtype in Enum.GetValues<DType>())
            {
                using Tensor expected = reference.Allocate(dtype, 37, columns), actual = device.Allocate(dtype, 37, columns), resident = device.Allocate(dtype, 37, columns);
                using Tensor referenceA = Upload(reference, DType.F32, a), referenceB = Upload(reference, DType.F32, b);
                using Tensor deviceA = Upload(device, DType.F32, a), deviceB = Upload(device, DType.BF16, b);
                fixed (float* source = w0)
                {
                    var view = new TensorView(source, DType.F32, 37, columns);
                    reference.Recover(view, new LowRankDelta(referenceA, referenceB), gate, expected);
                    device.Recover(view, new LowRankDelta(deviceA, deviceB), gate, actual);
                }

                using Tensor w0Resident = Upload(device, DType.F32, w0);
                device.Recover(w0Resident, new LowRankDelta(deviceA, deviceB), gate, resident);
                for (int i = 0; i < 37; i++)
                {
                    Assert.Equal(Row(expected, i), Row(actual, i));
                    Assert.Equal(Row(expected, i), Row(resident, i));
                }
            }
        }
    }

    private static void AssertEqual(CpuDevice device, DType dtype, int rows, int columns, int outputs, int rank, float beta)
    {
        using var reference = new ReferenceDevice();
        var random = new Random(HashCode.Combine((int)dtype, rows, columns, rank));
        // Three layers of different sizes and one input, as query, key and value are; the second has no delta and no bias.
        float[,] x = Values(rows, columns, () => random.Next(-3, 4)), gateValues = Values(rows, Math.Max(rank, 1), () => random.Next(0, 3));
        var results = new List<Tensor>[2];
        for (int side = 0; side < 2; side++)
        {
            Device on = side == 0 ? reference : device;
            var layerRandom = new Random(columns);
            Tensor input = Upload(on, DType.F32, x), gate = Upload(on, DType.F32, gateValues);
            var calls = new List<LinearCall>();
            foreach (int size in new[] { outputs, 1, outputs + 13 })
            {
                Tensor weight = Upload(on, dtype, Values(size, columns, () => layerRandom.Next(-4, 5), eachBlockHolds127: dtype == DType.Q8));
                Tensor bias = Upload(on, DType.F32, Values(1, size, () => layerRandom.Next(-9, 9)));
                Tensor output = Upload(on, DType.F32, Values(rows, size, () => layerRandom.Next(-9, 9)));
                var call = new LinearCall { Weight = weight, Output = output, Beta = beta };
                if (size != 1)
                {
                    call.Bias = bias;
                    if (rank > 0)
                    {
                        call.Delta = new LowRankDelta(
                            Upload(on, DType.BF16, Values(rank, columns, () => layerRandom.Next(-2, 3))),
                            Upload(on, dtype == DType.F32 ? DType.F32 : DType.BF16, Values(size, rank, () => layerRandom.Next(-2, 3))));
                        call.Gate = gate;
                    }
                }

                calls.Add(call);
            }

            on.Linear(input, rows, calls.ToArray());
            results[side] = calls.ConvertAll(call => call.Output);
        }

        for (int layer = 0; layer < 3; layer++)
        {
            for (int row = 0; row < rows; row++)
            {
                Assert.True(
                    Row(results[0][layer], row).AsSpan().SequenceEqual(Row(results[1][layer], row)),
                    $"{dtype.Name()} rows={rows} columns={columns} outputs={outputs} rank={rank}: row {row} of layer {layer} differs.");
            }
        }
    }

    private static float[,] Values(int rows, int columns, Func<float> next, bool eachBlockHolds127 = false)
    {
        float[,] values = new float[rows, columns];
        for (int i = 0; i < rows; i++)
        {
            for (int k = 0; k < columns; k++)
                values[i, k] = eachBlockHolds127 && k % 32 == 0 ? 127 : next();
        }

        return values;
    }

    private static Tensor Upload(Device device, DType dtype, float[,] values)
    {
        Tensor tensor = device.Allocate(dtype, values.GetLength(0), values.GetLength(1));
        fixed (float* source = values)
            device.Upload(new TensorView(source, DType.F32, tensor.Rows, tensor.Columns), tensor);
        return tensor;
    }

    private static float[] Row(Tensor tensor, int row)
    {
        float[] values = new float[tensor.Columns];
        tensor.Device.Download(tensor, row, values);
        return values;
    }
}

internal static class TensorRows
{
    public static void CopyRowFrom(this Tensor destination, Tensor source, int from, int to)
    {
        float[] values = new float[source.Columns];
        source.Device.Download(source, from, values);
        destination.Device.WriteRow(values, destination, to);
    }
}
