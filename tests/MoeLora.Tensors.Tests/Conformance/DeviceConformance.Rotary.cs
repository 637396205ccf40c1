namespace MoeLora.Tensors.Tests.Conformance;

public abstract partial class DeviceConformance
{
    // Two products and a difference of values up to 3.
    private const double RotaryTolerance = 6e-7;

    [Fact]
    public void Rotary_AllHeadSizes_Agrees()
    {
        int[] positions = [3, 0, 9, 9];
        foreach (int half in new[] { 1, 2, 4, 7, 8, 12, 16, 17, 24, 32, 33, 48, 64 })
        {
            foreach (int extra in new[] { 0, 3 })
            {
                int dim = 2 * half + extra;
                // Interleaved q, k, v for three heads: only the q parts may turn.
                Agree($"rotary of {half} pairs in heads of {dim}", 1e-6, RotaryTolerance, device =>
                {
                    using Tensor tensor = Matrix.Random(5, 3 * 3 * dim + 2, 3).Put(device);
                    RotaryTable table = Table(device, 10, half);
                    device.Rotary(new HeadView(tensor, 2, 3 * dim, 3, dim), 4, extra, table, positions);
                    Matrix result = Matrix.Read(tensor);
                    table.Cos.Dispose();
                    table.Sin.Dispose();
                    return result;
                });
            }
        }
    }

    [Fact]
    public void Rotary_TwoHalvesOfAHead_TurnByTheirOwnPositions()
    {
        const int half = 16;
        Agree("two-dimensional rotary", 1e-6, RotaryTolerance, device =>
        {
            using Tensor tensor = Matrix.Random(40, 2 * 4 * half, 3).Put(device);
            RotaryTable table = Table(device, 64, half);
            var heads = new HeadView(tensor, 0, 4 * half, 2, 4 * half);
            device.Rotary(heads, 40, 0, table, [.. Enumerable.Range(0, 40)]);
            device.Rotary(heads, 40, 2 * half, table, [.. Enumerable.Range(0, 40).Select(i => i / 7)]);
            return Matrix.Read(tensor);
        });
    }

    [Fact]
    public void Rotary_ManyRows_Agrees()
    {
        Agree("rotary of a prompt", 1e-6, RotaryTolerance, device =>
        {
            using Tensor tensor = Matrix.Random(200, 14 * 64, 3).Put(device);
            RotaryTable table = Table(device, 200, 32);
            device.Rotary(new HeadView(tensor, 0, 64, 14, 64), 200, 0, table, [.. Enumerable.Range(0, 200)]);
            return Matrix.Read(tensor);
        });
    }

    [Fact]
    public void Rotary_PositionZero_ChangesNothing()
    {
        Matrix values = Matrix.Random(1, 128, 3);
        using Tensor tensor = values.Put(Device);
        Device.Rotary(new HeadView(tensor, 0, 64, 2, 64), 1, 0, Table(Device, 1, 32), [0]);
        Assert.Equal(values.Values, Matrix.Read(tensor).Values);
    }

    private static RotaryTable Table(Device device, int positions, int half)
    {
        var cos = new Matrix(positions, half, new float[positions * half]);
        var sin = new Matrix(positions, half, new float[positions * half]);
        for (int p = 0; p < positions; p++)
        {
            for (int j = 0; j < half; j++)
            {
                double angle = p * Math.Pow(10000, -(double)j / half);
                cos[p][j] = (float)Math.Cos(angle);
                sin[p][j] = (float)Math.Sin(angle);
            }
        }
        return new RotaryTable(cos.Put(device), sin.Put(device));
    }
}
