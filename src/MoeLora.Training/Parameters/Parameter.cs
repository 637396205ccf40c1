using MoeLora.Tensors;

namespace MoeLora.Training.Parameters;

/// <summary>A tensor that training changes, with its gradient. Owns both.</summary>
public sealed class Parameter : IDisposable
{
    /// <summary>Allocates value and gradient, [<paramref name="rows"/>, <paramref name="columns"/>] F32, all zeros.</summary>
    /// <param name="device">Where it lives.</param>
    /// <param name="name">Unique in its set; the key in checkpoints.</param>
    /// <param name="rows">Rows; a vector has one.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="decays">Whether weight decay applies: to matrices, not to norms and biases.</param>
    public Parameter(Device device, string name, int rows, int columns, bool decays = true)
        : this(name, device.Allocate(DType.F32, rows, columns), device.Allocate(DType.F32, rows, columns), decays)
    {
    }

    /// <summary>Takes ownership of two tensors of one shape.</summary>
    public Parameter(string name, Tensor value, Tensor gradient, bool decays = true)
    {
        Name = name;
        Value = value;
        Gradient = gradient;
        Decays = decays;
    }

    /// <summary>Unique in its set.</summary>
    public string Name { get; }

    /// <summary>What training changes.</summary>
    public Tensor Value { get; }

    /// <summary>The gradient of the loss, collected since it was last filled with zeros.</summary>
    public Tensor Gradient { get; }

    /// <summary>Whether weight decay applies.</summary>
    public bool Decays { get; }

    /// <summary>Number of elements.</summary>
    public long Count => (long)Value.Rows * Value.Columns;

    /// <summary>The values in row-major order.</summary>
    public float[] ToArray() => ToArray(Value);

    /// <summary>The gradient in row-major order.</summary>
    public float[] GradientToArray() => ToArray(Gradient);

    /// <summary>Replaces the values.</summary>
    /// <param name="values">Rows · columns values in row-major order.</param>
    public void Set(ReadOnlySpan<float> values)
    {
        if (values.Length != Count)
            throw new ArgumentException($"{Name} has {Count} elements, not {values.Length}.", nameof(values));
        int columns = Value.Columns;
        for (int row = 0; row < Value.Rows; row++)
            Value.Device.WriteRow(values.Slice(row * columns, columns), Value, row);
    }

    /// <summary>Sets the gradient to zero.</summary>
    public void ClearGradient() => Gradient.Device.Fill(Gradient, 0, Gradient.Rows);

    /// <inheritdoc/>
    public void Dispose()
    {
        Value.Dispose();
        Gradient.Dispose();
    }

    /// <summary>All elements of a tensor in row-major order.</summary>
    internal static float[] ToArray(Tensor tensor)
    {
        float[] values = new float[tensor.Rows * tensor.Columns];
        for (int row = 0; row < tensor.Rows; row++)
            tensor.Device.Download(tensor, row, values.AsSpan(row * tensor.Columns, tensor.Columns));
        return values;
    }
}
