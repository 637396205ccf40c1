namespace MoeLora.Tensors.Tests.Conformance;

// Operations of training that go element by element, sums over rows, dropout, and the optimizer.
public abstract partial class DeviceConformance
{
    // A product and a sum, or two: three roundings.
    private const double ElementTolerance = 2e-7;

    [Fact]
    public void ElementOperations_AllShapes_Agree()
    {
        foreach ((int rows, int columns) in Shapes)
        {
            Check("fill", (device, a, _, output) => device.Fill(output, -1.5f, rows));
            Check("copy", (device, a, _, output) => device.Copy(a, output, rows));
            Check("add", (device, a, _, output) => device.AddScaled(a, -0.7f, output, rows));
            Check("product", (device, a, b, output) => device.Multiply(a, b, 0, output, rows));
            Check("product and half", (device, a, b, output) => device.Multiply(a, b, 0.5f, output, rows));
            Check("product in place", (device, a, b, output) => device.Multiply(output, b, 0, output, rows));
            Check("product in place of both", (device, a, b, output) => device.Multiply(output, output, 1, output, rows));

            void Check(string name, Action<Device, Tensor, Tensor, Tensor> operation) => Agree($"{name} {rows}x{columns}", ElementTolerance, ElementTolerance, device =>
            {
                using Tensor a = Matrix.Random(rows, columns).Put(device), b = Matrix.Random(rows, columns, 1, seed: 1).Put(device);
                using Tensor output = Matrix.Random(rows, columns, 1, seed: 2).Put(device);
                operation(device, a, b, output);
                return Matrix.Read(output);
            });
        }
    }

    [Fact]
    public void Multiply_BetaZero_DoesNotReadTheOutput()
    {
        using Tensor a = Matrix.Random(1, 40).Put(Device), output = new Matrix(1, 40, [.. Enumerable.Repeat(float.NaN, 40)]).Put(Device);
        Device.Multiply(a, a, 0, output, 1);
        Assert.All(Matrix.Read(output).Values, value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void ElementOperations_SpecialFactors_LeaveThePaddingZero()
    {
        foreach (int columns in new[] { 1, 33, 100 })
        {
            using Tensor a = Matrix.Random(2, columns).Put(Device), b = Matrix.Random(2, columns, 1, seed: 1).Put(Device), weight = Matrix.Random(1, columns).Put(Device);
            Device.AddScaled(a, float.PositiveInfinity, b, 2);
            Device.Multiply(a, a, float.NaN, b, 2);
            Device.Fill(b, float.NaN, 2);
            Device.Fill(b, 1, 2);
            Assert.Equal(2 * columns, Device.SumOfSquares(b));
            Device.WriteRow(Matrix.Read(a)[0], b, 0);
            Matrix expected = Normal(a), actual = Normal(b);
            BitEqual(expected[0], actual[0], "a norm over what had special values");

            Matrix Normal(Tensor of)
            {
                using Tensor output = Device.Allocate(DType.F32, 2, columns);
                Device.RmsNorm(of, weight, 1e-6f, output, 1);
                return Matrix.Read(output);
            }
        }
    }

    [Fact]
    public void TrainingOperations_FewerRowsThanTheTensorHas_LeaveTheRestAlone()
    {
        Matrix values = Matrix.Random(4, 40);
        using Tensor tensor = values.Put(Device), other = Matrix.Random(4, 40, 1, seed: 1).Put(Device), weight = Matrix.Random(1, 40).Put(Device);
        Device.RmsNormBackward(other, weight, 1e-6f, other, tensor, null, 3);
        Device.LayerNormBackward(other, weight, 1e-6f, other, tensor, null, null, 3);
        Device.GeluBackward(other, other, tensor, 3, GeluKind.Erf);
        Device.SoftmaxBackward(other, other, tensor, 3);
        Device.AddScaled(other, 1, tensor, 3);
        Device.Multiply(other, other, 1, tensor, 3);
        Device.Dropout(other, 0.5f, 1, tensor, 3);
        Device.Copy(other, tensor, 3);
        Device.Fill(tensor, 1, 3);
        Device.CrossEntropy(tensor, [1, 2, 3], 1);
        BitEqual(values[3], Matrix.Read(tensor)[3], "the fourth row");
    }

    [Fact]
    public void SumRows_AllShapes_Agrees()
    {
        foreach ((int rows, int columns) in Shapes.Append((31, 50)).Append((32, 50)).Append((33, 50)).Append((500, 300)))
        {
            // Up to 500 values of 1 in sums of 32: sums of a few tens, each step off by 2⁻²⁴ of it.
            Agree($"sum of rows {rows}x{columns}", 1e-6, 2e-5, device =>
            {
                using Tensor source = Matrix.Random(rows, columns).Put(device), destination = Matrix.Random(1, columns, 1, seed: 1).Put(device);
                device.SumRows(source, destination, rows);
                return Matrix.Read(destination);
            });
        }
    }

    [Fact]
    public void ScatterAddRows_RepeatedRows_Agrees()
    {
        foreach (int columns in FewLengths)
        {
            // Up to 10 values of 1 meet in a row.
            Agree($"scatter of {columns} columns", 1e-6, 2e-6, device =>
            {
                using Tensor source = Matrix.Random(50, columns).Put(device), destination = Matrix.Random(12, columns, 1, seed: 1).Put(device);
                device.ScatterAddRows(source, [.. Enumerable.Range(0, 45).Select(i => i * i % 11)], destination);
                return Matrix.Read(destination);
            });
        }
    }

    [Fact]
    public void ScatterAddRows_OrderOfRows_IsKept()
    {
        // In floats 1e8 + 1 − 1e8 is 0 and 1e8 − 1e8 + 1 is 1; only the order in which rows come says which.
        using Tensor source = new Matrix(3, 1, [1e8f, -1e8f, 1f]).Put(Device), destination = Device.Allocate(DType.F32, 1, 1);
        Device.ScatterAddRows(source, [0, 0, 0], destination);
        Assert.Equal(1f, Matrix.Read(destination)[0][0]);
    }

    [Fact]
    public void SumOfSquares_AllShapes_IsExactToDoublePrecision()
    {
        foreach ((int rows, int columns) in Shapes)
        {
            Matrix values = Matrix.Random(rows, columns, 1e3f);
            using Tensor tensor = values.Put(Device);
            double expected = values.Values.Sum(value => (double)value * value);
            // Double sums of at most 15,000 terms of one sign.
            Assert.Equal(expected, Device.SumOfSquares(tensor), expected * 1e-12);
            CaseDone();
        }
    }

    [Theory]
    [InlineData(float.NaN, double.NaN)]
    [InlineData(float.NegativeInfinity, double.PositiveInfinity)]
    [InlineData(3e38f, 9e76)]
    public void SumOfSquares_SpecialValue_IsNotHidden(float special, double expected)
    {
        Matrix values = Matrix.Random(3, 50);
        values[2][49] = special;
        using Tensor tensor = values.Put(Device);
        double sum = Device.SumOfSquares(tensor);
        Assert.True(double.IsFinite(expected) ? Math.Abs(sum / expected - 1) < 1e-6 : sum.Equals(expected), $"{sum} for {expected}");
    }

    [Fact]
    public void Dropout_AllShapes_IsBitEqualOnAllDevices()
    {
        foreach ((int rows, int columns) in Shapes)
        {
            foreach (float rate in new[] { 0f, 0.1f, 0.999f })
            {
                Matrix values = Matrix.Random(rows, columns), expected = Run(Reference), actual = Run(Device);
                BitEqual(expected.Values, actual.Values, $"dropout {rate} of {rows}x{columns}");
                CaseDone();

                Matrix Run(Device device)
                {
                    using Tensor input = values.Put(device), output = columns % 2 == 0 ? input : device.Allocate(DType.F32, rows, columns);
                    device.Dropout(input, rate, 0x1234_5678_9ABC_DEF0, output, rows);
                    return Matrix.Read(output);
                }
            }
        }
    }

    [Fact]
    public void AdamW_AllShapes_Agrees()
    {
        foreach ((int rows, int columns) in Shapes)
        {
            // Some ten roundings, in quotients of values near 1.
            Agree($"adamw {rows}x{columns}", 2e-6, 2e-6, device =>
            {
                using Tensor parameter = Matrix.Random(rows, columns).Put(device), gradient = Matrix.Random(rows, columns, 1, seed: 1).Put(device);
                using Tensor mean = device.Allocate(DType.F32, rows, columns), meanSquare = device.Allocate(DType.F32, rows, columns);
                for (int step = 1; step <= 3; step++)
                    device.AdamW(parameter, gradient, mean, meanSquare, new AdamWStep(step, 0.01f, WeightDecay: 0.1f, GradientScale: 0.5f));
                return Above(Matrix.Read(parameter), Matrix.Read(mean), Matrix.Read(meanSquare));
            });
        }
    }

    [Fact]
    public void AdamW_ZeroEpsilonAndNaN_LeaveThePaddingZero()
    {
        Matrix gradients = Matrix.Random(2, 33);
        gradients[1][3] = float.NaN;
        using Tensor parameter = Matrix.Random(2, 33).Put(Device), gradient = gradients.Put(Device);
        using Tensor mean = Device.Allocate(DType.F32, 2, 33), meanSquare = Device.Allocate(DType.F32, 2, 33);
        Device.AdamW(parameter, gradient, mean, meanSquare, new AdamWStep(1, 0.01f, Epsilon: 0));
        Assert.Equal(1, Matrix.Read(parameter).Values.Count(float.IsNaN));
        Device.WriteRow(new float[33], parameter, 1);
        Assert.True(double.IsFinite(Device.SumOfSquares(parameter)));
    }
}
