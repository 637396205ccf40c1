using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Checkpoints;

/// <summary>Copies what a view shows, so that tests can compare values.</summary>
internal static unsafe class ViewReading
{
    public static float[] Floats(this TensorView view)
    {
        Assert.Equal(DType.F32, view.DType);
        return new ReadOnlySpan<float>(view.Data, view.Rows * view.Columns).ToArray();
    }

    public static byte[] Bytes(this TensorView view) =>
        new ReadOnlySpan<byte>(view.Data, (int)view.DType.ByteCount((long)view.Rows * view.Columns)).ToArray();
}
