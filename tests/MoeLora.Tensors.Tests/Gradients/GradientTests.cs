using MoeLora.Tensors.Tests.Conformance;
using static MoeLora.Tensors.Tests.Gradients.GradientCheck;

namespace MoeLora.Tensors.Tests.Gradients;

/// <summary>The definition of every backward operation against differences of the forward operation's.</summary>
public sealed class GradientTests : IDisposable
{
    private readonly GradientCheck _check = new();

    public void Dispose() => _check.Dispose();

    [Fact]
    public void RmsNorm_Gradients_AreItsSlopes() => _check.Agree(
        [Values(3, 7), Values(1, 7, 1)], 3, 7,
        (device, x, y) => device.RmsNorm(x[0], x[1], 0.01f, y, 3),
        (device, x, dy, dx) => device.RmsNormBackward(x[0], x[1], 0.01f, dy, dx[0], dx[1], 3));

    [Fact]
    public void LayerNorm_Gradients_AreItsSlopes() => _check.Agree(
        [Values(3, 7), Values(1, 7, 1), Values(1, 7, 2)], 3, 7,
        (device, x, y) => device.LayerNorm(x[0], x[1], x[2], 0.01f, y, 3),
        (device, x, dy, dx) => device.LayerNormBackward(x[0], x[1], 0.01f, dy, dx[0], dx[1], dx[2], 3));

    [Fact]
    public void SiluGate_Gradients_AreItsSlopes() => _check.Agree(
        [Values(2, 9), Values(2, 9, 1)], 2, 9,
        (device, x, y) => device.SiluGate(x[0], x[1], y, 2),
        (device, x, dy, dx) => device.SiluGateBackward(x[0], x[1], dy, dx[0], dx[1], 2));

    [Theory]
    [InlineData(GeluKind.Tanh)]
    [InlineData(GeluKind.Erf)]
    public void Gelu_Gradient_IsItsSlope(GeluKind kind) => _check.Agree(
        [Wide(2, 9)], 2, 9,
        (device, x, y) => device.Gelu(x[0], y, 2, kind),
        (device, x, dy, dx) => device.GeluBackward(x[0], dy, dx[0], 2, kind));

    [Fact]
    public void Softmax_Gradient_IsItsSlope() => _check.Agree(
        [Wide(2, 6)], 2, 6,
        (device, x, y) =>
        {
            device.Copy(x[0], y, 2);
            device.Softmax(y, 2);
        },
        (device, x, dy, dx) =>
        {
            using Tensor probabilities = device.Allocate(DType.F32, 2, 6);
            device.Copy(x[0], probabilities, 2);
            device.Softmax(probabilities, 2);
            device.SoftmaxBackward(probabilities, dy, dx[0], 2);
        });

    [Fact]
    public void CrossEntropy_Gradient_IsItsSlope()
    {
        int[] targets = [4, 0, 2];
        _check.Agree(
            [Wide(3, 6)],
            (device, x) =>
            {
                using Tensor logits = device.Allocate(DType.F32, 3, 6);
                device.Copy(x[0], logits, 3);
                return 0.5 * device.CrossEntropy(logits, targets, 7);
            },
            (device, x, dx) =>
            {
                using Tensor logits = device.Allocate(DType.F32, 3, 6);
                device.Copy(x[0], logits, 3);
                device.CrossEntropy(logits, targets, 0.5f);
                device.AddScaled(logits, 1, dx[0], 3);
            });
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(3, 5)]
    public void SelfAttention_Gradients_AreItsSlopes(int firstPrefix, int secondPrefix)
    {
        const int rows = 9, dim = 3, heads = 4, keyHeads = 2;
        SelfSpan[] spans = [new SelfSpan(0, 4, firstPrefix), new SelfSpan(4, 5, secondPrefix)];
        _check.Agree(
            [Values(rows, heads * dim), Values(rows, keyHeads * dim, 1), Values(rows, keyHeads * dim, 2)], rows, heads * dim,
            (device, x, y) =>
            {
                using Tensor logSums = device.Allocate(DType.F32, rows, heads);
                device.SelfAttention(View(x[0], heads), View(x[1], keyHeads), View(x[2], keyHeads), spans, 0.8f, y, logSums);
            },
            (device, x, dy, dx) =>
            {
                using Tensor output = device.Allocate(DType.F32, rows, heads * dim), logSums = device.Allocate(DType.F32, rows, heads);
                HeadView queries = View(x[0], heads), keys = View(x[1], keyHeads), values = View(x[2], keyHeads);
                device.SelfAttention(queries, keys, values, spans, 0.8f, output, logSums);
                device.SelfAttentionBackward(
                    queries, keys, values, spans, 0.8f, output, logSums, dy, View(dx[0], heads), View(dx[1], keyHeads), View(dx[2], keyHeads));
            });

        static HeadView View(Tensor tensor, int heads) => new(tensor, 0, dim, heads, dim);
    }

    [Fact]
    public void Linear_Gradients_AreItsSlopes() => _check.Agree(
        [Values(3, 5), Values(4, 5, 1), Values(1, 4, 2)], 3, 4,
        (device, x, y) => device.Linear(x[0], 3, [new LinearCall { Weight = x[1], Bias = x[2], Output = y }]),
        (device, x, dy, dx) =>
        {
            device.LinearBackwardInput(dy, x[1], dx[0], 3);
            device.LinearBackwardWeight(dy, x[0], dx[1], 3);
            device.SumRows(dy, dx[2], 3);
        });

    [Fact]
    public void Embed_Gradient_IsItsSlope()
    {
        int[] ids = [2, 0, 2, 3];
        _check.Agree(
            [Values(4, 3)], 4, 3, (device, x, y) => device.Embed(x[0], ids, y), (device, _, dy, dx) => device.ScatterAddRows(dy, ids, dx[0]));
    }

    [Fact]
    public void GatherRows_Gradient_IsItsSlope()
    {
        int[] rows = [1, 1, 0];
        _check.Agree(
            [Values(3, 4)], 3, 4, (device, x, y) => device.GatherRows(x[0], rows, y), (device, _, dy, dx) => device.ScatterAddRows(dy, rows, dx[0]));
    }

    [Fact]
    public void Dropout_OfTheGradient_IsItsSlope() => _check.Agree(
        [Values(4, 8)], 4, 8,
        (device, x, y) => device.Dropout(x[0], 0.4f, 77, y, 4),
        (device, _, dy, dx) =>
        {
            device.Dropout(dy, 0.4f, 77, dy, 4);
            device.AddScaled(dy, 1, dx[0], 4);
        });

    [Fact]
    public void Multiply_OfTheGradient_IsItsSlope() => _check.Agree(
        [Values(2, 5), Values(2, 5, 1)], 2, 5,
        (device, x, y) => device.Multiply(x[0], x[1], 0, y, 2),
        (device, x, dy, dx) =>
        {
            device.Multiply(x[1], dy, 1, dx[0], 2);
            device.Multiply(x[0], dy, 1, dx[1], 2);
        });

    [Fact]
    public void Rotary_ByTheNegativeAngle_IsItsSlope()
    {
        // The backward pass of a rotation is the rotation back.
        float[] cos = [0.6f, 0.8f, 1f, 0f], sin = [0.8f, -0.6f, 0f, 1f];
        int[] positions = [1, 0, 1];
        _check.Agree(
            [Values(3, 5)], 3, 5,
            (device, x, y) =>
            {
                device.Copy(x[0], y, 3);
                Turn(device, y, sin);
            },
            (device, _, dy, dx) =>
            {
                Turn(device, dy, [.. sin.Select(value => -value)]);
                device.AddScaled(dy, 1, dx[0], 3);
            });

        void Turn(Device device, Tensor tensor, float[] sines)
        {
            using Tensor c = new Matrix(2, 2, cos).Put(device), s = new Matrix(2, 2, sines).Put(device);
            device.Rotary(new HeadView(tensor, 0, 5, 1, 5), 3, 1, new RotaryTable(c, s), positions);
        }
    }

    /// <summary>In [−3, 3].</summary>
    private static Matrix Wide(int rows, int columns)
    {
        Matrix values = Values(rows, columns);
        return values with { Values = [.. values.Values.Select(value => value * 3)] };
    }
}
