namespace MoeLora.Tensors.Tests.Conformance;

public abstract partial class DeviceConformance
{
    public static TheoryData<DType, double> RecoveredFormats => new()
    {
        // The sums are right to a few 2⁻²⁴; stored, they may fall on either side of a rounding boundary: one step of the format.
        { DType.F32, 1e-6 },
        { DType.F16, 1e-3 },
        { DType.BF16, 8e-3 },
        // Half a scale of about 2/127 on one side and half on the other.
        { DType.Q8, 0.02 },
    };

    [Theory]
    [MemberData(nameof(RecoveredFormats))]
    public void Recover_AllShapes_Agrees(DType dtype, double tolerance)
    {
        foreach (int columns in FewLengths)
        {
            foreach (int rank in columns is 33 or 896 ? new[] { 1, 4, 16, 17, 64 } : [5])
            {
                Matrix w0 = Matrix.Random(13, columns);
                float[] gate = Matrix.Random(1, rank, 0.5f, seed: 3).Values;
                w0.View(DType.BF16, view => Agree($"recover {dtype} {columns}, rank {rank}", 0, tolerance, device =>
                {
                    using Tensor a = Matrix.Random(rank, columns, 0.3f, seed: 1).Put(device), b = Matrix.Random(13, rank, 0.3f, seed: 2).Put(device);
                    using Tensor destination = device.Allocate(dtype, 13, columns);
                    device.Recover(view, new LowRankDelta(a, b), gate, destination);
                    return Matrix.Read(destination);
                }));
            }
        }
    }

    [Fact]
    public void Recover_FromResidentWeights_IsTheSameAsFromPublishedOnes()
    {
        foreach (DType dtype in new[] { DType.F32, DType.F16, DType.BF16 })
        {
            Matrix.Random(40, 100).View(dtype, view =>
            {
                using Tensor resident = Device.Allocate(dtype, 40, 100), published = Device.Allocate(DType.F32, 40, 100), again = Device.Allocate(DType.F32, 40, 100);
                using Tensor a = Matrix.Random(8, 100, 0.3f, seed: 1).Put(Device), b = Matrix.Random(40, 8, 0.3f, seed: 2).Put(Device);
                float[] gate = Matrix.Random(1, 8, 0.5f, seed: 3).Values;
                Device.Upload(view, resident);
                Device.Recover(view, new LowRankDelta(a, b), gate, published);
                Device.Recover(resident, new LowRankDelta(a, b), gate, again);
                BitEqual(Matrix.Read(published).Values, Matrix.Read(again).Values, $"recovered from {dtype}");
            });
        }
    }

    [Fact]
    public void Recover_GateOfZeros_GivesTheBaseWeights()
    {
        Matrix w0 = Matrix.Random(20, 65);
        using Tensor resident = w0.Put(Device), destination = Device.Allocate(DType.F32, 20, 65);
        using Tensor a = Matrix.Random(4, 65, 1, seed: 1).Put(Device), b = Matrix.Random(20, 4, 1, seed: 2).Put(Device);
        Device.Recover(resident, new LowRankDelta(a, b), new float[4], destination);
        Assert.Equal(w0.Values, Matrix.Read(destination).Values);
    }
}
