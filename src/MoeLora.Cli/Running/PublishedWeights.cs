using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;

namespace MoeLora.Cli.Running;

/// <summary>How a model's weights were published.</summary>
internal static class PublishedWeights
{
    /// <summary>The format that most bytes of a model's weights have; reads the headers.</summary>
    public static DType FormatOf(string directory)
    {
        using Checkpoint checkpoint = Checkpoint.Open(directory);
        return LoadedModel.PublishedFormat(checkpoint);
    }
}
