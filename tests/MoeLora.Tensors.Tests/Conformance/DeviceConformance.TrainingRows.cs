namespace MoeLora.Tensors.Tests.Conformance;

// Gradients of operations on rows and elements, and the loss. Every gradient is added to values that are there before.
public abstract partial class DeviceConformance
{
    // As the norms themselves, once more for the sums of gradients, which cancel: hence the absolute part, for values up to 3 · 2.
    private const double NormGradientTolerance = 1e-5;

    [Fact]
    public void RmsNormBackward_AllShapes_Agrees()
    {
        foreach ((int rows, int columns) in Shapes)
        {
            Agree($"rms norm backward {rows}x{columns}", NormGradientTolerance, NormGradientTolerance, device =>
            {
                using Tensor input = Matrix.Random(rows, columns, 3).Put(device), weight = Matrix.Random(1, columns, 2, seed: 1).Put(device);
                using Tensor upper = Matrix.Random(rows, columns, 1, seed: 2).Put(device), gradient = Matrix.Random(rows, columns, 1, seed: 3).Put(device);
                using Tensor weightGradient = Matrix.Random(1, columns, 1, seed: 4).Put(device);
                device.RmsNormBackward(input, weight, 1e-6f, upper, gradient, weightGradient, rows);
                return Above(Matrix.Read(gradient), Matrix.Read(weightGradient));
            });
        }
    }

    [Fact]
    public void LayerNormBackward_AllShapes_Agrees()
    {
        foreach ((int rows, int columns) in Shapes)
        {
            Agree($"layer norm backward {rows}x{columns}", NormGradientTolerance, NormGradientTolerance, device =>
            {
                Matrix values = Matrix.Random(rows, columns);
                for (int i = 0; i < values.Values.Length; i++)
                    values.Values[i] += i % columns % 2 == 0 ? 4 : 2;
                using Tensor input = values.Put(device), weight = Matrix.Random(1, columns, 2, seed: 1).Put(device);
                using Tensor upper = Matrix.Random(rows, columns, 1, seed: 2).Put(device), gradient = Matrix.Random(rows, columns, 1, seed: 3).Put(device);
                using Tensor weightGradient = Matrix.Random(1, columns, 1, seed: 4).Put(device), biasGradient = Matrix.Random(1, columns, 1, seed: 5).Put(device);
                device.LayerNormBackward(input, weight, 0.1f, upper, gradient, weightGradient, biasGradient, rows);
                return Above(Matrix.Read(gradient), Matrix.Read(weightGradient), Matrix.Read(biasGradient));
            });
        }
    }

    [Fact]
    public void NormsBackward_ManyRows_Agree()
    {
        foreach (int rows in new[] { 31, 32, 33, 200 })
        {
            // A weight's gradient is a sum of up to 200 rows.
            Agree($"norms backward, {rows} rows", NormGradientTolerance, 1e-4, device =>
            {
                using Tensor input = Matrix.Random(rows, 50).Put(device), weight = Matrix.Random(1, 50, 2, seed: 1).Put(device);
                using Tensor upper = Matrix.Random(rows, 50, 1, seed: 2).Put(device), gradient = Matrix.Random(rows, 50, 1, seed: 3).Put(device);
                using Tensor weightGradient = Matrix.Random(1, 50, 1, seed: 4).Put(device), biasGradient = Matrix.Random(1, 50, 1, seed: 5).Put(device);
                device.LayerNormBackward(input, weight, 1e-5f, upper, gradient, weightGradient, biasGradient, rows);
                device.RmsNormBackward(input, weight, 1e-5f, upper, gradient, weightGradient, rows);
                return Above(Matrix.Read(gradient), Matrix.Read(weightGradient), Matrix.Read(biasGradient));
            });
        }
    }

    [Fact]
    public void NormsBackward_NoWeightGradientWanted_GiveTheInputsGradient()
    {
        foreach (int columns in new[] { 5, 64, 77 })
        {
            Matrix[] results = [Run(wanted: true), Run(wanted: false)];
            BitEqual(results[0].Values, results[1].Values, $"gradient of {columns} columns");

            Matrix Run(bool wanted)
            {
                using Tensor input = Matrix.Random(4, columns).Put(Device), weight = Matrix.Random(1, columns, 2, seed: 1).Put(Device);
                using Tensor upper = Matrix.Random(4, columns, 1, seed: 2).Put(Device), gradient = Device.Allocate(DType.F32, 4, columns);
                using Tensor sums = Device.Allocate(DType.F32, 1, columns), more = Device.Allocate(DType.F32, 1, columns);
                Device.RmsNormBackward(input, weight, 1e-5f, upper, gradient, wanted ? sums : null, 4);
                Device.LayerNormBackward(input, weight, 1e-5f, upper, gradient, wanted ? sums : null, wanted ? more : null, 4);
                return Matrix.Read(gradient);
            }
        }
    }

    [Fact]
    public void SiluGateBackward_AllShapes_Agrees()
    {
        foreach ((int rows, int columns) in Shapes)
        {
            // Gradients of up to 2 · 20, exact to a few roundings of 2⁻²⁴ of the exponential; they are added to values of 1.
            Agree($"silu gate backward {rows}x{columns}", ExponentialTolerance, 3e-6, device =>
            {
                using Tensor gate = Matrix.Random(rows, columns, 20).Put(device), up = Matrix.Random(rows, columns, 2, seed: 1).Put(device);
                using Tensor upper = Matrix.Random(rows, columns, 1, seed: 2).Put(device), gateGradient = Matrix.Random(rows, columns, 1, seed: 3).Put(device);
                using Tensor upGradient = Matrix.Random(rows, columns, 1, seed: 4).Put(device);
                device.SiluGateBackward(gate, up, upper, gateGradient, upGradient, rows);
                return Above(Matrix.Read(gateGradient), Matrix.Read(upGradient));
            });
        }
    }

    [Theory]
    [InlineData(GeluKind.Tanh)]
    [InlineData(GeluKind.Erf)]
    public void GeluBackward_AllShapes_Agrees(GeluKind kind)
    {
        foreach ((int rows, int columns) in Shapes)
        {
            // Φ is within 2e−7; the exponent of the density or of the sigmoid, up to 20, is rounded to 2⁻²⁴ of itself, and multiplied by x.
            Agree($"{kind} gelu backward {rows}x{columns}", ExponentialTolerance, 2e-6, device =>
            {
                using Tensor input = Matrix.Random(rows, columns, 8).Put(device), upper = Matrix.Random(rows, columns, 1, seed: 1).Put(device);
                using Tensor gradient = Matrix.Random(rows, columns, 1, seed: 2).Put(device);
                device.GeluBackward(input, upper, gradient, rows, kind);
                return Matrix.Read(gradient);
            });
        }
    }

    [Fact]
    public void SoftmaxBackward_AllShapes_Agrees()
    {
        foreach ((int rows, int columns) in Shapes)
        {
            // Values below 2, and a sum of products with weights of 1 in all.
            Agree($"softmax backward {rows}x{columns}", 1e-6, 1e-6, device =>
            {
                using Tensor exact = Matrix.Random(rows, columns, 20).Put(Reference);
                Reference.Softmax(exact, rows);
                using Tensor probabilities = Matrix.Read(exact).Put(device), upper = Matrix.Random(rows, columns, 1, seed: 1).Put(device);
                using Tensor gradient = Matrix.Random(rows, columns, 1, seed: 2).Put(device);
                device.SoftmaxBackward(probabilities, upper, gradient, rows);
                return Matrix.Read(gradient);
            });
        }
    }

    [Fact]
    public void CrossEntropy_AllShapes_Agrees()
    {
        foreach ((int rows, int columns) in Shapes.Append((2, 152_000)))
        {
            // As softmax. The loss comes back in a row of its own.
            Agree($"cross entropy {rows}x{columns}", 4e-6, 1e-7, device =>
            {
                using Tensor logits = Matrix.Random(rows, columns, 20).Put(device);
                int[] targets = [.. Enumerable.Range(0, rows).Select(row => row * 31 % columns)];
                double loss = device.CrossEntropy(logits, targets, 0.25f);
                return Above(Matrix.Read(logits), new Matrix(1, columns, [.. Enumerable.Repeat((float)loss, columns)]));
            });
        }
    }

    [Fact]
    public void CrossEntropy_SureOfTheTarget_KeepsTheSmallGradient()
    {
        // e^−20 beside 1: 1 − p would be 0 in floats. Two roundings of floats, and a logarithm of 1 + 2e−9 in double.
        using Tensor logits = new Matrix(1, 2, [20f, 0f]).Put(Device);
        double loss = Device.CrossEntropy(logits, [0], 1), other = Math.Exp(-20);
        Assert.Equal(other, Matrix.Read(logits)[0][1], other * 1e-6);
        Assert.Equal(-other, Matrix.Read(logits)[0][0], other * 1e-6);
        Assert.Equal(other, loss, other * 1e-6);
    }

    [Fact]
    public void CrossEntropy_InfinitelyUnlikelyTarget_IsInfinite()
    {
        using Tensor logits = new Matrix(1, 3, [1f, float.NegativeInfinity, 2f]).Put(Device);
        Assert.Equal(double.PositiveInfinity, Device.CrossEntropy(logits, [1], 1));
        Assert.Equal(-1f, Matrix.Read(logits)[0][1]);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void CrossEntropy_SpecialLogit_MakesItsRowAndTheSumNaN(float special)
    {
        foreach (int at in new[] { 0, 7, 39 })
        {
            Matrix values = Matrix.Random(2, 40);
            values[1][at] = special;
            Agree($"cross entropy with {special} at {at}", 4e-6, 1e-7, device =>
            {
                using Tensor logits = values.Put(device);
                Assert.Equal(double.NaN, device.CrossEntropy(logits, [3, 7], 1));
                return Matrix.Read(logits);
            });
        }
    }

    [Fact]
    public void BackwardOfRows_SpecialValues_SpreadInTheirRowOnly()
    {
        foreach (float special in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
        {
            foreach (int columns in new[] { 1, 33, 64, 100 })
            {
                foreach (int operand in new[] { 0, 1 })
                {
                    Matrix[] values = [Matrix.Random(3, columns), Matrix.Random(3, columns, 1, seed: 1)];
                    values[operand][1][columns / 2] = special;
                    Rows("rms norm", (device, x, dy, dx, w) => device.RmsNormBackward(x, w, 1e-6f, dy, dx, null, 3));
                    Rows("layer norm", (device, x, dy, dx, w) => device.LayerNormBackward(x, w, 1e-2f, dy, dx, null, null, 3));
                    Rows("softmax", (device, x, dy, dx, _) => device.SoftmaxBackward(x, dy, dx, 3));
                    Rows("tanh gelu", (device, x, dy, dx, _) => device.GeluBackward(x, dy, dx, 3, GeluKind.Tanh));
                    Rows("erf gelu", (device, x, dy, dx, _) => device.GeluBackward(x, dy, dx, 3, GeluKind.Erf));

                    void Rows(string name, Action<Device, Tensor, Tensor, Tensor, Tensor> operation)
                    {
                        Agree($"{name} backward with {special} in operand {operand}, {columns} columns", 1e-4, 1e-4, device =>
                        {
                            using Tensor x = values[0].Put(device), dy = values[1].Put(device), dx = device.Allocate(DType.F32, 3, columns);
                            using Tensor weight = Matrix.Random(1, columns, 1, seed: 2).Put(device), sums = device.Allocate(DType.F32, 1, columns);
                            operation(device, x, dy, dx, weight);
                            Matrix once = Matrix.Read(dx);
                            // Padding that is not zero any more would show in a sum over the row: the same memory, now with a finite row.
                            device.WriteRow(new float[columns], dx, 1);
                            Assert.True(double.IsFinite(device.SumOfSquares(dx)));
                            return once with { Values = [.. once.Values.Select(value => float.IsFinite(value) ? value : float.NaN)] };
                        });
                    }
                }
            }
        }
    }

    [Fact]
    public void SiluGateBackward_SpecialValues_Agree()
    {
        var gate = new Matrix(1, SpecialValues.Length, SpecialValues);
        foreach (float up in new[] { 1f, -2f, 0f, float.NaN })
        {
            var ups = new Matrix(1, gate.Columns, [.. Enumerable.Repeat(up, gate.Columns)]);
            // As the forward pass: below −88.7 e^−x is infinite in floats.
            Agree($"silu gate backward of special values, up {up}", ExponentialTolerance, 3e-6, device =>
            {
                using Tensor g = gate.Put(device), u = ups.Put(device), dy = Matrix.Random(1, gate.Columns).Put(device);
                using Tensor dg = device.Allocate(DType.F32, 1, gate.Columns), du = device.Allocate(DType.F32, 1, gate.Columns);
                device.SiluGateBackward(g, u, dy, dg, du, 1);
                return Above(Matrix.Read(dg), Matrix.Read(du));
            });
        }
    }

    [Theory]
    [InlineData(GeluKind.Tanh)]
    [InlineData(GeluKind.Erf)]
    public void GeluBackward_SpecialValues_Agree(GeluKind kind)
    {
        var values = new Matrix(1, SpecialValues.Length, SpecialValues);
        Agree($"{kind} gelu backward of special values", ExponentialTolerance, 2e-6, device =>
        {
            using Tensor input = values.Put(device), upper = Matrix.Random(1, values.Columns).Put(device), gradient = device.Allocate(DType.F32, 1, values.Columns);
            device.GeluBackward(input, upper, gradient, 1, kind);
            return Matrix.Read(gradient);
        });
    }

    /// <summary>Matrices of the same width, one above the other.</summary>
    private static Matrix Above(params Matrix[] parts) => new(parts.Sum(part => part.Rows), parts[0].Columns, [.. parts.SelectMany(part => part.Values)]);
}
