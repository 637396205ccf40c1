using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;
using MoeLora.Tensors.Reference;

namespace MoeLora.Cli.Tests;

/// <summary>Tensors of safetensors files.</summary>
internal static class StoredTensors
{
    /// <summary>A tensor by rows.</summary>
    public static float[][] Read(string file, string name)
    {
        using Checkpoint checkpoint = Checkpoint.Open(file);
        using var device = new ReferenceDevice();
        TensorView view = checkpoint.View(name);
        using Tensor tensor = device.Allocate(DType.F32, view.Rows, view.Columns);
        device.Upload(view, tensor);
        float[][] rows = new float[view.Rows][];
        for (int row = 0; row < rows.Length; row++)
            device.Download(tensor, row, rows[row] = new float[view.Columns]);
        return rows;
    }

    /// <summary>Same shape, and no element differs by more; NaN differs from everything.</summary>
    public static void AssertClose(float[][] expected, float[][] actual, float tolerance)
    {
        Assert.Equal(expected.Select(row => row.Length), actual.Select(row => row.Length));
        Assert.All(expected.Zip(actual), rows => Assert.All(rows.First.Zip(rows.Second), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, tolerance)));
    }
}
