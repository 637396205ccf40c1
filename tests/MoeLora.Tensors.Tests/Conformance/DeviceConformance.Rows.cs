namespace MoeLora.Tensors.Tests.Conformance;

// Operations on single rows and elements.
public abstract partial class DeviceConformance
{
    // Both norms divide by a root mean square of up to 4865 float sums in a few hundred steps: 2⁻²⁴ · 300 ≈ 2e−5 at worst, far less as
    // errors of both signs meet. LayerNorm's absolute part: (x − mean) cancels.
    private const double NormTolerance = 5e-6;

    // One exponential (2 ulp), one division, one product: below 8 · 2⁻²⁴.
    private const double ExponentialTolerance = 5e-7;

    [Fact]
    public void RmsNorm_AllShapes_Agrees()
    {
        foreach ((int rows, int columns) in Shapes)
        {
            Agree($"rms norm {rows}x{columns}", NormTolerance, 0, device =>
            {
                using Tensor input = Matrix.Random(rows, columns, 3).Put(device), weight = Matrix.Random(1, columns, 2, seed: 1).Put(device);
                using Tensor output = device.Allocate(DType.F32, rows, columns);
                device.RmsNorm(input, weight, 1e-6f, output, rows);
                return Matrix.Read(output);
            });
        }
    }

    [Fact]
    public void LayerNorm_AllShapes_Agrees()
    {
        foreach ((int rows, int columns) in Shapes)
        {
            Agree($"layer norm {rows}x{columns}", NormTolerance, 2e-6, device =>
            {
                Matrix values = Matrix.Random(rows, columns);
                // Off centre: a sum of squares minus a squared mean would lose digits. Spread: dividing by a tiny deviation would find them again.
                for (int i = 0; i < values.Values.Length; i++)
                    values.Values[i] += i % columns % 2 == 0 ? 4 : 2;
                using Tensor input = values.Put(device), weight = Matrix.Random(1, columns, 2, seed: 1).Put(device);
                using Tensor bias = Matrix.Random(1, columns, 1, seed: 2).Put(device), output = device.Allocate(DType.F32, rows, columns);
                device.LayerNorm(input, weight, bias, 1e-5f, output, rows);
                return Matrix.Read(output);
            });
        }
    }

    [Fact]
    public void Norms_InPlace_Agree()
    {
        Agree("rms norm in place", NormTolerance, 0, device =>
        {
            using Tensor input = Matrix.Random(5, 77).Put(device), weight = Matrix.Random(1, 77, 1, seed: 1).Put(device);
            device.RmsNorm(input, weight, 1e-6f, input, 5);
            return Matrix.Read(input);
        });
        Agree("layer norm in place", NormTolerance, 2e-6, device =>
        {
            using Tensor input = Matrix.Random(5, 77).Put(device), weight = Matrix.Random(1, 77, 1, seed: 1).Put(device);
            device.LayerNorm(input, weight, weight, 1e-6f, input, 5);
            return Matrix.Read(input);
        });
    }

    [Fact]
    public void SiluGate_AllShapes_Agrees()
    {
        foreach ((int rows, int columns) in Shapes)
        {
            Agree($"silu gate {rows}x{columns}", ExponentialTolerance, 0, device =>
            {
                using Tensor gate = Matrix.Random(rows, columns, 20).Put(device), up = Matrix.Random(rows, columns, 2, seed: 1).Put(device);
                device.SiluGate(gate, up, columns % 2 == 0 ? gate : up, rows);
                return Matrix.Read(columns % 2 == 0 ? gate : up);
            });
        }
    }

    [Theory]
    [InlineData(GeluKind.Tanh)]
    [InlineData(GeluKind.Erf)]
    public void Gelu_AllShapes_Agrees(GeluKind kind)
    {
        foreach ((int rows, int columns) in Shapes)
        {
            // The bend is within 2e−7 of its value in [−1, 1], and is multiplied by x/2, here at most 4.
            Agree($"{kind} gelu {rows}x{columns}", ExponentialTolerance, 8e-7, device =>
            {
                using Tensor input = Matrix.Random(rows, columns, 8).Put(device), output = device.Allocate(DType.F32, rows, columns);
                device.Gelu(input, columns % 2 == 0 ? output : input, rows, kind);
                return Matrix.Read(columns % 2 == 0 ? output : input);
            });
        }
    }

    [Fact]
    public void Softmax_AllShapes_Agrees()
    {
        foreach ((int rows, int columns) in Shapes)
        {
            // x − max is rounded before the exponential: |x − max| · 2⁻²⁴ ≤ 40 · 6e−8.
            Agree($"softmax {rows}x{columns}", 3e-6, 1e-37, device =>
            {
                using Tensor values = Matrix.Random(rows, columns, 20).Put(device);
                device.Softmax(values, rows);
                return Matrix.Read(values);
            });
        }
    }

    [Fact]
    public void Softmax_LargeAndEqualValues_AreExact()
    {
        using Tensor values = new Matrix(1, 4, [3e38f, 3e38f, 3e38f, 3e38f]).Put(Device);
        Device.Softmax(values, 1);
        Assert.Equal([0.25f, 0.25f, 0.25f, 0.25f], Matrix.Read(values).Values);
    }

    [Fact]
    public void RowOperations_FewerRowsThanTheTensorHas_LeaveTheRestAlone()
    {
        Matrix values = Matrix.Random(4, 40);
        using Tensor tensor = values.Put(Device), weight = Matrix.Random(1, 40, 1, seed: 1).Put(Device);
        Device.RmsNorm(tensor, weight, 1e-6f, tensor, 3);
        Device.LayerNorm(tensor, weight, weight, 1e-6f, tensor, 3);
        Device.SiluGate(tensor, tensor, tensor, 3);
        Device.Gelu(tensor, tensor, 3, GeluKind.Erf);
        Device.Softmax(tensor, 3);
        BitEqual(values[3], Matrix.Read(tensor)[3], "the fourth row");
    }

    [Fact]
    public void ArgMax_EveryPosition_IsFound()
    {
        foreach (int columns in FewLengths)
        {
            Matrix values = Matrix.Random(1, columns);
            for (int i = 0; i < columns; i += Math.Max(1, columns / 40))
            {
                Matrix peaked = values with { Values = [.. values.Values] };
                peaked.Values[i] = 2;
                using Tensor tensor = peaked.Put(Device);
                Assert.Equal(i, Device.ArgMax(tensor, 0));
            }
            CaseDone();
        }
    }

    [Theory]
    [InlineData(new[] { -5f, -3f, -3f }, 1)] // the first of equals, and padding is not larger
    [InlineData(new[] { float.NegativeInfinity, float.NegativeInfinity }, 0)]
    [InlineData(new[] { float.NegativeInfinity, -1e38f }, 1)]
    [InlineData(new[] { 1f, float.PositiveInfinity, float.PositiveInfinity }, 1)]
    [InlineData(new[] { -0f, 0f }, 0)]
    [InlineData(new[] { 1f, float.NaN }, null)]
    [InlineData(new[] { float.NaN }, null)]
    public void ArgMax_SpecialValues_AsDefined(float[] values, int? expected)
    {
        using Tensor tensor = new Matrix(1, values.Length, values).Put(Device);
        Assert.Equal(expected, Device.ArgMax(tensor, 0));
    }

    [Fact]
    public void ArgMax_OfSeveralRows_IsEachRowsOwn()
    {
        Matrix values = Matrix.Random(5, 37);
        values.Values[2 * 37 + 4] = float.NaN;
        using Tensor tensor = values.Put(Device);
        int?[] columns = [9, 9, 9, 9];

        Device.ArgMax(tensor, columns);

        Assert.Equal(Enumerable.Range(0, 4).Select(row => Device.ArgMax(tensor, row)), columns);
        Assert.Null(columns[2]);
        Assert.Throws<ArgumentException>(() => Device.ArgMax(tensor, new int?[6]));
    }

    [Fact]
    public void Rows_WrittenTogether_AreDownloadedTogether()
    {
        Matrix before = Matrix.Random(6, 37), written = Matrix.Random(3, 37, seed: 5);
        using Tensor tensor = before.Put(Device);
        float[] read = new float[6 * 37 + 1];

        Device.WriteRows(written.Values, tensor, 2, 3);
        Device.Download(tensor, 0, 6, read);

        Assert.Equal([.. before.Values.Take(2 * 37), .. written.Values, .. before.Values.Skip(5 * 37), 0f], read);
        Assert.Throws<ArgumentException>(() => Device.WriteRows(written.Values, tensor, 4, 3));
        Assert.Throws<ArgumentException>(() => Device.WriteRows(new float[36], tensor, 0, 1));
        Assert.Throws<ArgumentException>(() => Device.Download(tensor, 4, 3, read));
        Assert.Throws<ArgumentException>(() => Device.Download(tensor, 0, 6, new float[6 * 37 - 1]));
    }
}
