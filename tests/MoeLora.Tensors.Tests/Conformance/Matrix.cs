using MoeLora.Tensors.Tests.Memory;

namespace MoeLora.Tensors.Tests.Conformance;

/// <summary>Test values on the host, row by row.</summary>
internal sealed unsafe record Matrix(int Rows, int Columns, float[] Values)
{
    public Span<float> this[int row] => Values.AsSpan(row * Columns, Columns);

    /// <summary>Uniform in [−scale, scale], seeded by the shape.</summary>
    public static Matrix Random(int rows, int columns, float scale = 1, int seed = 0)
    {
        var random = new Random(HashCode.Combine(rows, columns, seed));
        var matrix = new Matrix(rows, columns, new float[rows * columns]);
        for (int i = 0; i < matrix.Values.Length; i++)
            matrix.Values[i] = (random.NextSingle() * 2 - 1) * scale;
        return matrix;
    }

    /// <summary>What a tensor holds.</summary>
    public static Matrix Read(Tensor tensor)
    {
        var matrix = new Matrix(tensor.Rows, tensor.Columns, new float[tensor.Rows * tensor.Columns]);
        for (int row = 0; row < tensor.Rows; row++)
            tensor.Device.Download(tensor, row, matrix[row]);
        return matrix;
    }

    /// <summary>A tensor with these values.</summary>
    public Tensor Put(Device device, DType dtype = DType.F32)
    {
        Tensor tensor = device.Allocate(dtype, Rows, Columns);
        fixed (float* values = Values)
            device.Upload(new TensorView(values, DType.F32, Rows, Columns), tensor);
        return tensor;
    }

    /// <summary>Shows the values as a dense view in memory that must not be read past its end.</summary>
    public void View(DType dtype, Action<TensorView> use)
    {
        using var memory = new GuardedMemory(Math.Max(dtype.ByteCount(Values.Length), 1), guardEnd: true);
        for (int i = 0; i < Values.Length; i++)
        {
            if (dtype == DType.F32)
                ((float*)memory.Pointer)[i] = Values[i];
            else if (dtype == DType.F16)
                ((Half*)memory.Pointer)[i] = (Half)Values[i];
            else
                ((ushort*)memory.Pointer)[i] = (ushort)(BitConverter.SingleToUInt32Bits(Values[i]) >> 16);
        }
        use(new TensorView(memory.Pointer, dtype, Rows, Columns));
    }
}
