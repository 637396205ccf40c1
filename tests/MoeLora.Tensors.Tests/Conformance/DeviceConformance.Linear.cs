namespace MoeLora.Tensors.Tests.Conformance;

public abstract partial class DeviceConformance
{
    // Outputs are sums of up to 4865 products of about 1/√columns: their size is about 1, and each float step is off by 2⁻²⁴ of the sum so far.
    private const double LinearTolerance = 1e-5;

    private static readonly int[] LinearRows = [.. Enumerable.Range(1, 20), 33, 64, 130];

    public static TheoryData<DType> WeightFormats => [.. Enum.GetValues<DType>()];

    [Theory]
    [MemberData(nameof(WeightFormats))]
    public void Linear_AllRowCounts_Agrees(DType dtype)
    {
        foreach (int rows in LinearRows)
        {
            foreach ((int outputs, int columns) in new[] { (1, 1), (3, 33), (50, 70), (17, 896), (97, 70) })
                AgreeOnLinear(dtype, rows, outputs, columns, rank: 0, beta: 0);
        }
    }

    [Theory]
    [MemberData(nameof(WeightFormats))]
    public void Linear_AllColumnCounts_Agrees(DType dtype)
    {
        foreach (int columns in Lengths)
        {
            AgreeOnLinear(dtype, 1, 9, columns, rank: 0, beta: 0);
            AgreeOnLinear(dtype, 5, 4, columns, rank: 0, beta: 1);
        }
    }

    [Theory]
    [MemberData(nameof(WeightFormats))]
    public void Linear_LowRankDeltas_Agree(DType dtype)
    {
        foreach (int rank in new[] { 1, 4, 16, 17, 64 })
        {
            foreach (int rows in new[] { 1, 2, 8, 17, 64 })
            {
                AgreeOnLinear(dtype, rows, 37, 100, rank, beta: 0);
                AgreeOnLinear(dtype, rows, 16, 64, rank, beta: -0.5f);
            }
        }
    }

    [Fact]
    public void Linear_SeveralCalls_EachAgrees()
    {
        foreach (int rows in new[] { 1, 4, 20, 64 })
        {
            for (int read = 0; read < 3; read++)
            {
                Agree($"call {read} of three, {rows} rows", 0, LinearTolerance, device =>
                {
                    using Tensor input = Matrix.Random(rows, 90).Put(device), gate = Matrix.Random(rows, 8, 1, seed: 9).Put(device);
                    var calls = new LinearCall[3];
                    for (int i = 0; i < 3; i++)
                    {
                        calls[i] = new LinearCall
                        {
                            Weight = Matrix.Random(20 + 31 * i, 90, 0.2f, seed: i).Put(device, (DType)i),
                            Output = Matrix.Random(rows, 20 + 31 * i, 1, seed: i + 3).Put(device),
                            Beta = i == 1 ? 1 : 0,
                        };
                    }
                    calls[0].Bias = Matrix.Random(1, 20).Put(device);
                    calls[2].Delta = new LowRankDelta(Matrix.Random(8, 90, 0.2f, seed: 5).Put(device), Matrix.Random(82, 8, 0.2f, seed: 6).Put(device));
                    calls[2].Gate = gate;
                    device.Linear(input, rows, calls);
                    return Matrix.Read(calls[read].Output);
                });
            }
        }
    }

    [Theory]
    [MemberData(nameof(WeightFormats))]
    public void Linear_Row_IsBitEqualInEveryBatchUpToTheLimit(DType dtype)
    {
        int limit = Math.Min(Device.FewRows, 16);
        Matrix input = Matrix.Random(limit, 200);
        using Tensor x = input.Put(Device), weight = Matrix.Random(33, 200, 0.1f, seed: 1).Put(Device, dtype), gate = Matrix.Random(limit, 12, 1, seed: 2).Put(Device);
        using Tensor a = Matrix.Random(12, 200, 0.1f, seed: 3).Put(Device), b = Matrix.Random(33, 12, 0.1f, seed: 4).Put(Device);
        Matrix all = Run(limit, x, gate);
        for (int rows = 1; rows < limit; rows++)
            BitEqual(all[rows - 1], Run(rows, x, gate)[rows - 1], $"row {rows - 1} in a batch of {rows}");

        using Tensor last = Device.Allocate(DType.F32, 1, 200), lastGate = Device.Allocate(DType.F32, 1, 12);
        Device.GatherRows(x, [limit - 1], last);
        Device.GatherRows(gate, [limit - 1], lastGate);
        BitEqual(all[limit - 1], Run(1, last, lastGate)[0], "the last row alone");

        Matrix Run(int rows, Tensor rowsOf, Tensor gates)
        {
            using Tensor output = Device.Allocate(DType.F32, rows, 33);
            Device.Linear(rowsOf, rows, [new LinearCall { Weight = weight, Output = output, Delta = new LowRankDelta(a, b), Gate = gates }]);
            return Matrix.Read(output);
        }
    }

    [Fact]
    public void Linear_GateOfZeros_AddsNothing()
    {
        foreach (int rows in new[] { 1, 3, 16, 40 })
        {
            Matrix gates = Matrix.Random(rows, 16);
            gates[rows / 2].Clear();
            using Tensor input = Matrix.Random(rows, 64).Put(Device), gate = gates.Put(Device), weight = Matrix.Random(30, 64, 1, seed: 1).Put(Device);
            using Tensor a = Matrix.Random(16, 64, 1, seed: 2).Put(Device), b = Matrix.Random(30, 16, 1, seed: 3).Put(Device);
            using Tensor with = Device.Allocate(DType.F32, rows, 30), without = Device.Allocate(DType.F32, rows, 30);
            Device.Linear(input, rows, [new LinearCall { Weight = weight, Output = with, Delta = new LowRankDelta(a, b), Gate = gate }]);
            Device.Linear(input, rows, [new LinearCall { Weight = weight, Output = without }]);
            // Equal as numbers: adding zeros may turn −0 into 0.
            Assert.Equal(Matrix.Read(without)[rows / 2].ToArray(), Matrix.Read(with)[rows / 2].ToArray());
            if (rows > 1)
                Assert.NotEqual(Matrix.Read(without)[0].ToArray(), Matrix.Read(with)[0].ToArray());
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Linear_SpecialInput_SpreadsInItsRowOnly(float special)
    {
        foreach (DType dtype in Enum.GetValues<DType>())
        {
            foreach (int rows in new[] { 2, 7, 20, 40 })
            {
                Matrix values = Matrix.Random(rows, 70);
                values[rows - 2][69] = special;
                Agree($"linear {dtype} with {special} in one of {rows} rows", 0, LinearTolerance, device =>
                {
                    using Tensor input = values.Put(device), weight = Matrix.Random(20, 70, 0.2f, seed: 1).Put(device, dtype);
                    using Tensor output = device.Allocate(DType.F32, rows, 20);
                    device.Linear(input, rows, [new LinearCall { Weight = weight, Output = output }]);
                    return Matrix.Read(output);
                });
            }
        }
    }

    [Fact]
    public void Linear_BetaZero_DoesNotReadTheOutput()
    {
        foreach (int rows in new[] { 1, 5, 40 })
        {
            using Tensor input = Matrix.Random(rows, 64).Put(Device), weight = Matrix.Random(24, 64).Put(Device);
            using Tensor output = new Matrix(rows, 24, [.. Enumerable.Repeat(float.NaN, rows * 24)]).Put(Device);
            Device.Linear(input, rows, [new LinearCall { Weight = weight, Output = output }]);
            Assert.All(Matrix.Read(output).Values, value => Assert.True(float.IsFinite(value)));
        }
    }

    [Fact]
    public void Linear_NaNWeight_SpreadsInItsColumnOnly()
    {
        foreach (DType dtype in Enum.GetValues<DType>())
        {
            Matrix weights = Matrix.Random(20, 70, 0.2f);
            weights[11][64] = float.NaN;
            foreach (int rows in new[] { 1, 4, 40 })
            {
                Agree($"linear {dtype} with a NaN weight, {rows} rows", 0, LinearTolerance, device =>
                {
                    using Tensor input = Matrix.Random(rows, 70).Put(device), weight = weights.Put(device, dtype), output = device.Allocate(DType.F32, rows, 20);
                    device.Linear(input, rows, [new LinearCall { Weight = weight, Output = output }]);
                    return Matrix.Read(output);
                });
            }
        }
    }

    private void AgreeOnLinear(DType dtype, int rows, int outputs, int columns, int rank, float beta)
    {
        float scale = 2 / MathF.Sqrt(columns);
        Agree($"linear {dtype} {rows}x{columns}→{outputs}, rank {rank}, beta {beta}", 0, LinearTolerance, device =>
        {
            using Tensor input = Matrix.Random(rows, columns).Put(device), weight = Matrix.Random(outputs, columns, scale, seed: 1).Put(device, dtype);
            using Tensor bias = Matrix.Random(1, outputs, 1, seed: 2).Put(device), output = Matrix.Random(rows, outputs, 1, seed: 3).Put(device);
            using Tensor gate = Matrix.Random(rows, Math.Max(rank, 1), 1, seed: 4).Put(device);
            // B's rows are too short for blocks of 32: it stays in floats where the weights are Q8.
            using Tensor a = Matrix.Random(Math.Max(rank, 1), columns, scale, seed: 5).Put(device, dtype);
            using Tensor b = Matrix.Random(outputs, Math.Max(rank, 1), 0.3f, seed: 6).Put(device, dtype == DType.Q8 ? DType.BF16 : dtype);
            var call = new LinearCall { Weight = weight, Bias = bias, Output = output, Beta = beta };
            if (rank > 0)
                (call.Delta, call.Gate) = (new LowRankDelta(a, b), gate);
            device.Linear(input, rows, [call]);
            return Matrix.Read(output);
        });
    }
}
