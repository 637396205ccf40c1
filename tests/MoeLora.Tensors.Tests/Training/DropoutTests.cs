using MoeLora.Tensors.Cpu;
using MoeLora.Tensors.Tests.Conformance;

namespace MoeLora.Tensors.Tests.Training;

/// <summary>What a mask must look like as chance. All bounds are five standard deviations of a true coin, and the seeds are fixed.</summary>
public sealed class DropoutTests : IDisposable
{
    private const int Rows = 256, Columns = 1000;
    private readonly CpuDevice _device = new(1);

    public void Dispose() => _device.Dispose();

    [Theory]
    [InlineData(0.01f)]
    [InlineData(0.05f)]
    [InlineData(0.1f)]
    [InlineData(0.5f)]
    [InlineData(0.9f)]
    public void Dropout_ShareOfZeros_IsTheRate(float rate)
    {
        foreach (ulong seed in new[] { 0UL, 1UL, 2UL, 42UL, 1UL << 32, ulong.MaxValue })
        {
            bool[] dropped = Dropped(rate, seed);
            Assert.InRange(Share(dropped), rate - Bound(rate, dropped.Length), rate + Bound(rate, dropped.Length));
        }
    }

    [Fact]
    public void Dropout_EveryRowAndColumn_HasTheRate()
    {
        const float rate = 0.2f;
        bool[] dropped = Dropped(rate, 3);
        for (int row = 0; row < Rows; row++)
            Assert.InRange(Share(dropped.AsSpan(row * Columns, Columns)), rate - Bound(rate, Columns), rate + Bound(rate, Columns));
        for (int column = 0; column < Columns; column++)
        {
            bool[] one = [.. Enumerable.Range(0, Rows).Select(row => dropped[row * Columns + column])];
            Assert.InRange(Share(one), rate - Bound(rate, Rows), rate + Bound(rate, Rows));
        }
    }

    [Fact]
    public void Dropout_NeighbouringRowsColumnsAndSeeds_AreIndependent()
    {
        const float rate = 0.5f;
        bool[] dropped = Dropped(rate, 8);
        // Two independent coins agree half the time.
        for (int shift = 1; shift <= 64; shift++)
        {
            Independent(dropped.AsSpan(0, dropped.Length - shift), dropped.AsSpan(shift), $"columns {shift} apart");
            Independent(dropped.AsSpan(0, dropped.Length - shift * Columns), dropped.AsSpan(shift * Columns), $"rows {shift} apart");
            Independent(dropped, Dropped(rate, 8 + (ulong)shift), $"seeds {shift} apart");
            Independent(dropped, Dropped(rate, 8 ^ (1UL << (shift - 1))), $"seeds that differ in bit {shift - 1}");
        }

        void Independent(ReadOnlySpan<bool> a, ReadOnlySpan<bool> b, string what)
        {
            int equal = 0;
            for (int i = 0; i < a.Length; i++)
                equal += a[i] == b[i] ? 1 : 0;
            double share = (double)equal / a.Length, bound = 5 * Math.Sqrt(0.25 / a.Length);
            Assert.True(Math.Abs(share - 0.5) <= bound, $"{what} agree in {share:P2}, more than {bound:P2} from half");
        }
    }

    [Fact]
    public void Dropout_KeptElements_AreScaledSoThatTheMeanStays()
    {
        using Tensor input = new Matrix(1, 4, [1f, 2f, 3f, 4f]).Put(_device), output = _device.Allocate(DType.F32, 1, 4);
        for (ulong seed = 0; seed < 20; seed++)
        {
            _device.Dropout(input, 0.75f, seed, output, 1);
            for (int i = 0; i < 4; i++)
                Assert.True(Matrix.Read(output)[0][i] is 0f || Matrix.Read(output)[0][i] == 4f * (i + 1));
        }
    }

    [Fact]
    public void Dropout_MoreRowsInTheCall_DoNotChangeARow()
    {
        Matrix values = Matrix.Random(40, 70);
        using Tensor input = values.Put(_device), all = _device.Allocate(DType.F32, 40, 70), few = _device.Allocate(DType.F32, 40, 70);
        _device.Dropout(input, 0.3f, 5, all, 40);
        _device.Dropout(input, 0.3f, 5, few, 7);
        Assert.Equal(Matrix.Read(all).Values[..(7 * 70)], Matrix.Read(few).Values[..(7 * 70)]);
    }

    [Fact]
    public void Dropout_RateZero_Copies()
    {
        Matrix values = Matrix.Random(3, 70);
        using Tensor input = values.Put(_device), output = _device.Allocate(DType.F32, 3, 70);
        _device.Dropout(input, 0, 5, output, 3);
        Assert.Equal(values.Values, Matrix.Read(output).Values);
    }

    [Theory]
    [InlineData(-0.1f)]
    [InlineData(1f)]
    [InlineData(float.NaN)]
    public void Dropout_RateOutOfRange_IsRefused(float rate)
    {
        using Tensor input = Matrix.Random(1, 4).Put(_device);
        Assert.Throws<ArgumentOutOfRangeException>("rate", () => _device.Dropout(input, rate, 0, input, 1));
    }

    private bool[] Dropped(float rate, ulong seed)
    {
        using Tensor input = new Matrix(Rows, Columns, [.. Enumerable.Repeat(1f, Rows * Columns)]).Put(_device);
        _device.Dropout(input, rate, seed, input, Rows);
        return [.. Matrix.Read(input).Values.Select(value => value == 0)];
    }

    private static double Share(ReadOnlySpan<bool> dropped) => (double)dropped.Count(true) / dropped.Length;

    private static double Bound(double rate, int count) => 5 * Math.Sqrt(rate * (1 - rate) / count);
}
