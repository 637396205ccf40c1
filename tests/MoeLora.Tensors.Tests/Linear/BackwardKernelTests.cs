using System.Runtime.Intrinsics.X86;
using MoeLora.Tensors.Cpu;
using MoeLora.Tensors.Reference;
using MoeLora.Tensors.Tests.Conformance;

namespace MoeLora.Tensors.Tests.Linear;

/// <summary>The gradients of dense layers at every register width, on shapes that are cut into several blocks of each kind.</summary>
public sealed class BackwardKernelTests
{
    /// <summary>Rows, outputs, inputs: one block, several blocks of rows, of columns, of terms; few rows and many columns; columns of one register.</summary>
    private static readonly (int Rows, int Outputs, int Inputs)[] Shapes =
        [(7, 9, 5), (530, 16, 40), (16, 530, 40), (40, 700, 420), (700, 40, 420), (260, 610, 20), (610, 300, 8), (13, 40, 900), (600, 13, 450), (300, 280, 1)];

    /// <summary>Every register width that this processor has, with one thread and with several.</summary>
    public static TheoryData<int, int> WidthsAndThreads
    {
        get
        {
            var data = new TheoryData<int, int> { { 1, 1 } };
            if (Avx2.IsSupported && Fma.IsSupported)
                data.Add(8, 2);
            if (Avx512F.IsSupported)
                data.Add(16, 3);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(WidthsAndThreads))]
    public void LinearBackward_SmallIntegers_EqualTheReference(int lanes, int threads)
    {
        // Every product and every sum of small integers is exact in F32 whatever the order: equal, not close.
        using var device = new CpuDevice(threads) { Lanes = lanes };
        using var reference = new ReferenceDevice();
        foreach ((int rows, int outputs, int inputs) in Shapes)
        {
            Matrix dy = Integers(rows, outputs, 1), w = Integers(outputs, inputs, 2), x = Integers(rows, inputs, 3);
            foreach (DType dtype in new[] { DType.F32, DType.BF16 })
                Assert.Equal(InputGradient(reference, dy, w, x, dtype).Values, InputGradient(device, dy, w, x, dtype).Values);
            Assert.Equal(WeightGradient(reference, dy, w, x).Values, WeightGradient(device, dy, w, x).Values);
        }
    }

    [Fact]
    public void LinearBackward_AnyNumberOfThreads_BitEqual()
    {
        using var one = new CpuDevice(1);
        foreach (int threads in new[] { 2, 3, 5 })
        {
            using var several = new CpuDevice(threads);
            foreach ((int rows, int outputs, int inputs) in Shapes)
            {
                Matrix dy = Matrix.Random(rows, outputs), w = Matrix.Random(outputs, inputs, 1, seed: 1), x = Matrix.Random(rows, inputs, 1, seed: 2);
                Assert.Equal(InputGradient(one, dy, w, x, DType.F32).Values, InputGradient(several, dy, w, x, DType.F32).Values);
                Assert.Equal(WeightGradient(one, dy, w, x).Values, WeightGradient(several, dy, w, x).Values);
            }
        }
    }

    private static Matrix InputGradient(Device device, Matrix dy, Matrix w, Matrix x, DType dtype)
    {
        using Tensor outputGradient = dy.Put(device), weight = w.Put(device, dtype), inputGradient = x.Put(device);
        device.LinearBackwardInput(outputGradient, weight, inputGradient, dy.Rows);
        return Matrix.Read(inputGradient);
    }

    private static Matrix WeightGradient(Device device, Matrix dy, Matrix w, Matrix x)
    {
        using Tensor outputGradient = dy.Put(device), input = x.Put(device), weightGradient = w.Put(device);
        device.LinearBackwardWeight(outputGradient, input, weightGradient, dy.Rows);
        return Matrix.Read(weightGradient);
    }

    private static Matrix Integers(int rows, int columns, int seed)
    {
        Matrix matrix = Matrix.Random(rows, columns, 4, seed);
        for (int i = 0; i < matrix.Values.Length; i++)
            matrix.Values[i] = MathF.Round(matrix.Values[i]);
        return matrix;
    }
}
