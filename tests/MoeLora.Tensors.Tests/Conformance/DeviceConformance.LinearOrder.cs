namespace MoeLora.Tensors.Tests.Conformance;

public abstract partial class DeviceConformance
{
    private const int MostOrderRows = 70;

    public static TheoryData<DType, LinearOrder> FixedOrders
    {
        get
        {
            var data = new TheoryData<DType, LinearOrder>();
            foreach (DType dtype in Enum.GetValues<DType>())
            {
                data.Add(dtype, LinearOrder.Few);
                data.Add(dtype, LinearOrder.Many);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(FixedOrders))]
    public void Linear_FixedOrder_EveryRowOfEveryCallAsAlone(DType dtype, LinearOrder order)
    {
        using var layer = new OrderLayer(Device, dtype, outputs: 53, columns: 200, ranks: [12]);
        AssertRowsAsAlone(layer, order, row => row % 3 == 0 ? -1 : 0, sorted: true, [.. Enumerable.Range(1, MostOrderRows)]);
    }

    [Theory]
    [MemberData(nameof(FixedOrders))]
    public void Linear_FixedOrderInLongAndSlimLayers_EveryRowOfEveryCallAsAlone(DType dtype, LinearOrder order)
    {
        foreach ((int outputs, int columns) in new[] { (29, 1190), (130, 40), (8, 333) })
        {
            using var layer = new OrderLayer(Device, dtype, outputs, columns, ranks: [16]);
            AssertRowsAsAlone(layer, order, row => row % 3 == 0 ? -1 : 0, sorted: true, [2, 17, 40]);
        }
    }

    [Theory]
    [MemberData(nameof(FixedOrders))]
    public void Linear_RowsOfSeveralBanks_EveryRowOfEveryCallAsAlone(DType dtype, LinearOrder order)
    {
        using var layer = new OrderLayer(Device, dtype, outputs: 53, columns: 200, ranks: [12, 40, 16]);
        AssertRowsAsAlone(layer, order, row => row % 4 - 1, sorted: true, [5, 16, 31, MostOrderRows]);
        AssertRowsAsAlone(layer, order, row => row % 4 - 1, sorted: false, [19]);
    }

    [Theory]
    [InlineData(LinearOrder.Any)]
    [InlineData(LinearOrder.Few)]
    [InlineData(LinearOrder.Many)]
    public void Linear_RowsOfSeveralBanks_Agree(LinearOrder order)
    {
        foreach (int rows in new[] { 3, 16, 23, 64 })
        {
            Agree($"three banks, order {order}, {rows} rows", 0, LinearTolerance, device =>
            {
                using var layer = new OrderLayer(device, DType.BF16, outputs: 40, columns: 90, ranks: [12, 40, 7]);
                return layer.Run([.. Enumerable.Range(0, rows)], row => row * 4 / rows - 1, order);
            });
        }
    }

    [Theory]
    [InlineData(LinearOrder.Few)]
    [InlineData(LinearOrder.Many)]
    public void Linear_BankOfNaNAndInfinity_ReachesItsRowsOnly(LinearOrder order)
    {
        using var layer = new OrderLayer(Device, DType.BF16, outputs: 53, columns: 200, ranks: [12, 40]);
        Matrix clean = layer.Run([.. Enumerable.Range(0, MostOrderRows)], Bank, order);
        layer.Poison(bank: 1);
        Matrix poisoned = layer.Run([.. Enumerable.Range(0, MostOrderRows)], Bank, order);
        for (int row = 0; row < MostOrderRows; row++)
        {
            if (Bank(row) == 1)
                Assert.All(poisoned[row].ToArray(), value => Assert.False(float.IsFinite(value)));
            else
                BitEqual(clean[row], poisoned[row], $"row {row} beside a bank that is not finite");
        }

        // Some twenty rows in the middle, and the ends of tiles of 8, 12, 16 and 32 rows inside.
        static int Bank(int row) => row is >= 21 and < 43 ? 1 : row is < 13 or >= 60 ? 0 : -1;
    }

    /// <summary>Calls of many numbers of rows, in random places of the call, against calls of one row.</summary>
    private static void AssertRowsAsAlone(OrderLayer layer, LinearOrder order, Func<int, int> bank, bool sorted, int[] counts)
    {
        var alone = new Matrix?[MostOrderRows];
        var random = new Random(7);
        foreach (int count in counts)
        {
            int[] rows = [.. Enumerable.Range(0, MostOrderRows)];
            random.Shuffle(rows);
            rows = rows[..count];
            if (sorted)
                rows = [.. rows.OrderBy(bank)];
            Matrix together = layer.Run(rows, bank, order);
            for (int i = 0; i < count; i++)
                BitEqual((alone[rows[i]] ??= layer.Run([rows[i]], bank, order))[0], together[i], $"row {i} of {count}");
        }
    }

    /// <summary>A layer with a bias, a factor for old outputs and some banks, and inputs for it.</summary>
    private sealed class OrderLayer : IDisposable
    {
        private readonly Device _device;
        private readonly Tensor _weight, _bias, _inputs, _outputs, _gates;
        private readonly LowRankDelta[] _banks;

        public OrderLayer(Device device, DType dtype, int outputs, int columns, int[] ranks)
        {
            _device = device;
            float scale = 2 / MathF.Sqrt(columns);
            _weight = Matrix.Random(outputs, columns, scale, seed: 1).Put(device, dtype);
            _bias = Matrix.Random(1, outputs, 1, seed: 2).Put(device);
            _inputs = Matrix.Random(MostOrderRows, columns).Put(device);
            _outputs = Matrix.Random(MostOrderRows, outputs, 1, seed: 3).Put(device);
            _gates = Matrix.Random(MostOrderRows, ranks.Max(), 1, seed: 4).Put(device);
            _banks =
            [
                .. ranks.Select((rank, i) => new LowRankDelta(
                    Matrix.Random(rank, columns, scale, seed: 5 + i).Put(device, dtype),
                    Matrix.Random(outputs, rank, 0.3f, seed: 15 + i).Put(device, dtype == DType.Q8 ? DType.BF16 : dtype))),
            ];
        }

        /// <summary>The layer's outputs for some of the inputs, each with the delta of its bank (−1 for none).</summary>
        public Matrix Run(int[] rows, Func<int, int> bank, LinearOrder order)
        {
            using Tensor input = Gather(_inputs, rows), output = Gather(_outputs, rows), gate = Gather(_gates, rows);
            var deltas = new List<RowDelta>();
            for (int i = 0, end; i < rows.Length; i = end)
            {
                for (end = i + 1; end < rows.Length && bank(rows[end]) == bank(rows[i]);)
                    end++;
                if (bank(rows[i]) >= 0)
                    deltas.Add(new RowDelta(_banks[bank(rows[i])], gate, i, end - i));
            }

            _device.Linear(input, rows.Length, [new LinearCall { Weight = _weight, Bias = _bias, Output = output, Beta = 0.5f, Deltas = deltas.ToArray() }], order);
            return Matrix.Read(output);
        }

        /// <summary>Fills a bank with NaN and infinities.</summary>
        public void Poison(int bank)
        {
            LowRankDelta healthy = _banks[bank];
            _banks[bank] = new LowRankDelta(Poisoned(healthy.A), Poisoned(healthy.B));
            healthy.A.Dispose();
            healthy.B.Dispose();

            Tensor Poisoned(Tensor tensor)
            {
                var values = new Matrix(tensor.Rows, tensor.Columns, new float[tensor.Rows * tensor.Columns]);
                for (int i = 0; i < values.Values.Length; i++)
                    values.Values[i] = i % 2 == 0 ? float.NaN : float.PositiveInfinity;
                return values.Put(_device, tensor.DType);
            }
        }

        public void Dispose()
        {
            foreach (Tensor tensor in (Tensor[])[_weight, _bias, _inputs, _outputs, _gates, .. _banks.SelectMany(bank => new[] { bank.A, bank.B })])
                tensor.Dispose();
        }

        private Tensor Gather(Tensor source, int[] rows)
        {
            Tensor gathered = _device.Allocate(DType.F32, rows.Length, source.Columns);
            _device.GatherRows(source, rows, gathered);
            return gathered;
        }
    }
}
