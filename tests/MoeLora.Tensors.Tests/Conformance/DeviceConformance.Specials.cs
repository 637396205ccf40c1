namespace MoeLora.Tensors.Tests.Conformance;

// NaN, infinities, −0, denormals: nothing is hidden, and nothing leaves its row.
public abstract partial class DeviceConformance
{
    private static readonly float[] SpecialValues =
    [
        0f, -0f, float.Epsilon, -float.Epsilon, 1e-40f, 1e-38f, -1e-38f, 88f, 89f, 100f, -87f, -88f, -100f, -104f, -200f, 1e4f, -1e4f, 1e20f, -1e20f,
        3e38f, -3e38f, float.PositiveInfinity, float.NegativeInfinity, float.NaN, 1f, -1f, 0.5f, 5.5f, -5.5f, 6.5f, -6.5f, 12f, -12f,
    ];

    [Fact]
    public void SiluGate_SpecialValues_Agree()
    {
        var gate = new Matrix(1, SpecialValues.Length, SpecialValues);
        foreach (float up in new[] { 1f, -2f, 0f, float.NaN })
        {
            var ups = new Matrix(1, gate.Columns, [.. Enumerable.Repeat(up, gate.Columns)]);
            // Below −88.7 e^−x is infinite in floats, and a result of 2.7e−37 at most becomes zero; here it is doubled.
            Agree($"silu gate of special values, up {up}", ExponentialTolerance, 6e-37, device =>
            {
                using Tensor g = gate.Put(device), u = ups.Put(device);
                device.SiluGate(g, u, g, 1);
                return Matrix.Read(g);
            });
        }
    }

    [Theory]
    [InlineData(GeluKind.Tanh)]
    [InlineData(GeluKind.Erf)]
    public void Gelu_SpecialValues_Agree(GeluKind kind)
    {
        var values = new Matrix(1, SpecialValues.Length, SpecialValues);
        Agree($"{kind} gelu of special values", ExponentialTolerance, 8e-7, device =>
        {
            using Tensor input = values.Put(device);
            device.Gelu(input, input, 1, kind);
            return Matrix.Read(input);
        });
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void RowOperations_OneSpecialValue_SpreadsInItsRowOnly(float special)
    {
        foreach (int columns in new[] { 1, 5, 33, 64, 100 })
        {
            foreach (int at in new[] { 0, columns / 2, columns - 1 })
            {
                Matrix values = Matrix.Random(3, columns);
                values[1][at] = special;
                Rows("rms norm", (device, t, w) => device.RmsNorm(t, w, 1e-6f, t, 3));
                Rows("layer norm", (device, t, w) => device.LayerNorm(t, w, w, 1e-6f, t, 3));
                Rows("softmax", (device, t, _) => device.Softmax(t, 3));

                void Rows(string name, Action<Device, Tensor, Tensor> operation) => Agree($"{name} with {special} at {at} of {columns}", 1e-5, 2e-6, device =>
                {
                    using Tensor tensor = values.Put(device), weight = Matrix.Random(1, columns, 1, seed: 1).Put(device);
                    operation(device, tensor, weight);
                    // Padding that is not zero any more would show here: the finite rows again, through the same memory.
                    Matrix once = Matrix.Read(tensor);
                    device.WriteRow(values[0], tensor, 1);
                    operation(device, tensor, weight);
                    BitEqual(Fresh(device, values[0].ToArray(), weight, operation), Matrix.Read(tensor)[1], $"{name} after {special}");
                    return once;
                });
            }
        }
    }

    [Fact]
    public void Softmax_MinusInfinity_HasProbabilityZero()
    {
        Matrix values = Matrix.Random(2, 50);
        values[0][3] = float.NegativeInfinity;
        values[1].Fill(float.NegativeInfinity); // nothing to choose from: NaN, not a hidden uniform choice
        Agree("softmax of minus infinity", 3e-6, 0, device =>
        {
            using Tensor tensor = values.Put(device);
            device.Softmax(tensor, 2);
            return Matrix.Read(tensor);
        });
    }

    [Fact]
    public void Norms_DenormalsAndZeros_Agree()
    {
        var values = new Matrix(3, 40, new float[120]);
        values[1].Fill(1e-40f);
        values[2].Fill(-0f);
        Agree("rms norm of tiny values", NormTolerance, 3e-45, device =>
        {
            using Tensor tensor = values.Put(device), weight = Matrix.Random(1, 40, 1, seed: 1).Put(device);
            device.RmsNorm(tensor, weight, 1e-6f, tensor, 3);
            return Matrix.Read(tensor);
        });
    }

    /// <summary>The row after one operation.</summary>
    private static float[] Fresh(Device device, float[] row, Tensor weight, Action<Device, Tensor, Tensor> operation)
    {
        using Tensor fresh = device.Allocate(DType.F32, 3, row.Length);
        for (int i = 0; i < 3; i++)
            device.WriteRow(row, fresh, i);
        operation(device, fresh, weight);
        return Matrix.Read(fresh)[1].ToArray();
    }
}
