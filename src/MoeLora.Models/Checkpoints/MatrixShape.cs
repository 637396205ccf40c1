using MoeLora.Tensors;

namespace MoeLora.Models.Checkpoints;

/// <summary>How a published tensor is seen as a matrix, and what to say when it cannot be.</summary>
internal static class MatrixShape
{
    /// <summary>More dimensions than any weight has; bounds what a file can make a reader hold for one tensor.</summary>
    public const int MaxDimensions = 8;

    /// <exception cref="CheckpointException">The tensor has elements that weights cannot have, or not one or two dimensions.</exception>
    public static (DType DType, int Rows, int Columns) Of(CheckpointTensor tensor, string file)
    {
        string subject = $"{file}: tensor {ProblemList.Quote(tensor.Name)}";
        if (tensor.DType is not { } dtype)
            throw new CheckpointException($"{subject} holds {tensor.PublishedDType} elements; weights must be float32, float16 or bfloat16.");
        return tensor.Shape.Count switch
        {
            1 => (dtype, 1, tensor.Shape[0]),
            2 => (dtype, tensor.Shape[0], tensor.Shape[1]),
            _ => throw new CheckpointException($"{subject} has shape {tensor.ShapeText}; only vectors and matrices can be used."),
        };
    }

    public static CheckpointException NoSuchTensor(string file, string name) => new($"{file}: there is no tensor {ProblemList.Quote(name)}.");
}
