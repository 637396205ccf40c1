namespace MoeLora.Tensors.Tests.Conformance;

// The gradients of dense layers. Sums of up to 1040 products of about 1/√terms, and of what was there before: about 1 in size; tolerance as for Linear.
public abstract partial class DeviceConformance
{
    /// <summary>Remainders of the tiles' heights (6 and 12), of panels (16 and 32) and of stretches (up to 512 terms).</summary>
    private static readonly int[] BackwardSizes = [1, 2, 5, 6, 7, 11, 12, 13, 15, 16, 17, 24, 31, 32, 33, 47, 48, 49, 63, 65, 100, 129];

    [Theory]
    [MemberData(nameof(WeightFormats))]
    public void LinearBackwardInput_AwkwardShapes_Agrees(DType dtype)
    {
        foreach (int size in BackwardSizes)
        {
            AgreeOnBackwardInput(dtype, rows: size, outputs: 40, inputs: 33);
            AgreeOnBackwardInput(dtype, rows: 14, outputs: size, inputs: 50);
            AgreeOnBackwardInput(dtype, rows: 19, outputs: 21, inputs: size);
        }

        AgreeOnBackwardInput(dtype, rows: 3, outputs: 1040, inputs: 16);
        AgreeOnBackwardInput(dtype, rows: 530, outputs: 16, inputs: 40);
        AgreeOnBackwardInput(dtype, rows: 5, outputs: 18, inputs: 1100);
    }

    [Fact]
    public void LinearBackwardWeight_AwkwardShapes_Agrees()
    {
        foreach (int size in BackwardSizes)
        {
            AgreeOnBackwardWeight(rows: size, outputs: 40, inputs: 33);
            AgreeOnBackwardWeight(rows: 14, outputs: size, inputs: 50);
            AgreeOnBackwardWeight(rows: 19, outputs: 21, inputs: size);
        }

        AgreeOnBackwardWeight(rows: 1040, outputs: 3, inputs: 16);
        AgreeOnBackwardWeight(rows: 16, outputs: 530, inputs: 40);
        AgreeOnBackwardWeight(rows: 18, outputs: 5, inputs: 1100);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void LinearBackward_SpecialOutputGradient_SpreadsInItsRowOnly(float special)
    {
        Matrix gradients = Matrix.Random(40, 30);
        gradients[17][29] = special;
        Agree($"input gradient with {special}", 0, LinearTolerance, device =>
        {
            using Tensor dy = gradients.Put(device), weight = Matrix.Random(30, 45, 0.2f, seed: 1).Put(device), dx = Matrix.Random(40, 45, 1, seed: 2).Put(device);
            device.LinearBackwardInput(dy, weight, dx, 40);
            PaddingIsZero(device, dx);
            return Matrix.Read(dx);
        });
        Agree($"weight gradient with {special}", 0, LinearTolerance, device =>
        {
            using Tensor dy = gradients.Put(device), x = Matrix.Random(40, 45, 0.2f, seed: 1).Put(device), dw = Matrix.Random(30, 45, 1, seed: 2).Put(device);
            device.LinearBackwardWeight(dy, x, dw, 40);
            PaddingIsZero(device, dw);
            return Matrix.Read(dw);
        });
    }

    [Fact]
    public void LinearBackward_SpecialInputOrWeight_SpreadsInItsColumnOnly()
    {
        Matrix values = Matrix.Random(30, 45);
        values[3][44] = float.NaN;
        values[29][0] = float.NegativeInfinity;
        Agree("input gradient with special weights", 0, LinearTolerance, device =>
        {
            using Tensor dy = Matrix.Random(20, 30, 0.2f, seed: 1).Put(device), weight = values.Put(device), dx = Matrix.Random(20, 45, 1, seed: 2).Put(device);
            device.LinearBackwardInput(dy, weight, dx, 20);
            return Matrix.Read(dx);
        });
        Agree("weight gradient with special inputs", 0, LinearTolerance, device =>
        {
            using Tensor dy = Matrix.Random(30, 20, 0.2f, seed: 1).Put(device), x = values.Put(device), dw = Matrix.Random(20, 45, 1, seed: 2).Put(device);
            device.LinearBackwardWeight(dy, x, dw, 30);
            return Matrix.Read(dw);
        });
    }

    [Fact]
    public void LinearBackward_FewerRowsThanTheTensorsHave_OthersAreNeitherReadNorWritten()
    {
        Matrix gradients = Matrix.Random(20, 30);
        gradients[13].Fill(float.NaN);
        using Tensor dy = gradients.Put(Device), weight = Matrix.Random(30, 45).Put(Device), dx = Matrix.Random(20, 45, 1, seed: 2).Put(Device);
        using Tensor x = Matrix.Random(20, 45, 1, seed: 3).Put(Device), dw = Device.Allocate(DType.F32, 30, 45);
        float[] before = Matrix.Read(dx)[13].ToArray();
        Device.LinearBackwardInput(dy, weight, dx, 13);
        BitEqual(before, Matrix.Read(dx)[13], "a row beyond those asked for");
        Device.LinearBackwardWeight(dy, x, dw, 13);
        Assert.All(Matrix.Read(dw).Values, value => Assert.True(float.IsFinite(value)));
    }

    private void AgreeOnBackwardInput(DType dtype, int rows, int outputs, int inputs)
    {
        float scale = 2 / MathF.Sqrt(outputs);
        Agree($"input gradient, {dtype} [{outputs}, {inputs}], {rows} rows", 0, LinearTolerance, device =>
        {
            using Tensor dy = Matrix.Random(rows, outputs).Put(device), weight = Matrix.Random(outputs, inputs, scale, seed: 1).Put(device, dtype);
            using Tensor dx = Matrix.Random(rows, inputs, 1, seed: 2).Put(device);
            device.LinearBackwardInput(dy, weight, dx, rows);
            return Matrix.Read(dx);
        });
    }

    private void AgreeOnBackwardWeight(int rows, int outputs, int inputs)
    {
        float scale = 2 / MathF.Sqrt(rows);
        Agree($"weight gradient [{outputs}, {inputs}], {rows} rows", 0, LinearTolerance, device =>
        {
            using Tensor dy = Matrix.Random(rows, outputs).Put(device), x = Matrix.Random(rows, inputs, scale, seed: 1).Put(device);
            using Tensor dw = Matrix.Random(outputs, inputs, 1, seed: 2).Put(device);
            device.LinearBackwardWeight(dy, x, dw, rows);
            return Matrix.Read(dw);
        });
    }

    /// <summary>A dense layer whose weights are all one sums whole rows, padding included where a kernel runs over it: NaN there would show in the finite rows.</summary>
    private static void PaddingIsZero(Device device, Tensor tensor)
    {
        using Tensor ones = new Matrix(1, tensor.Columns, [.. Enumerable.Repeat(1f, tensor.Columns)]).Put(device), sums = device.Allocate(DType.F32, tensor.Rows, 1);
        Matrix values = Matrix.Read(tensor);
        for (int row = 0; row < tensor.Rows; row++)
            device.WriteRow(values[0], tensor, row);
        device.Linear(tensor, tensor.Rows, [new LinearCall { Weight = ones, Output = sums }]);
        Assert.All(Matrix.Read(sums).Values, value => Assert.True(float.IsFinite(value)));
        for (int row = 0; row < tensor.Rows; row++)
            device.WriteRow(values[row], tensor, row);
    }
}
