using static MoeLora.Tensors.Tests.Gradients.GradientCheck;

namespace MoeLora.Tensors.Tests.Gradients;

/// <summary>The definition of a dense layer's backward operations against differences of the layer. The layer is linear in each input: only rounding is left.</summary>
public sealed class LinearGradientTests : IDisposable
{
    private readonly GradientCheck _check = new();

    public void Dispose() => _check.Dispose();

    [Theory]
    [InlineData(3, 4, 3)]
    [InlineData(1, 5, 2)]
    [InlineData(4, 1, 2)]
    public void Linear_Gradients_AreItsSlopes(int rows, int inputs, int outputs) => _check.Agree(
        [Values(rows, inputs), Values(outputs, inputs, 1), Values(1, outputs, 2)], rows, outputs,
        (device, x, y) => device.Linear(x[0], rows, [new LinearCall { Weight = x[1], Bias = x[2], Output = y }]),
        (device, x, dy, dx) =>
        {
            device.LinearBackwardInput(dy, x[1], dx[0], rows);
            device.LinearBackwardWeight(dy, x[0], dx[1], rows);
            device.SumRows(dy, dx[2], rows);
        });

    [Fact]
    public void TwoLayersInARow_Gradients_AreTheirSlopes() => _check.Agree(
        [Values(3, 4), Values(2, 4, 1), Values(3, 2, 2)], 3, 3,
        (device, x, y) =>
        {
            using Tensor u = device.Allocate(DType.F32, 3, 2);
            device.Linear(x[0], 3, [new LinearCall { Weight = x[1], Output = u }]);
            device.Linear(u, 3, [new LinearCall { Weight = x[2], Output = y }]);
        },
        (device, x, dy, dx) =>
        {
            using Tensor u = device.Allocate(DType.F32, 3, 2), du = device.Allocate(DType.F32, 3, 2);
            device.Linear(x[0], 3, [new LinearCall { Weight = x[1], Output = u }]);
            device.LinearBackwardInput(dy, x[2], du, 3);
            device.LinearBackwardWeight(dy, u, dx[2], 3);
            device.LinearBackwardInput(du, x[1], dx[0], 3);
            device.LinearBackwardWeight(du, x[0], dx[1], 3);
        });
}
