namespace MoeLora.Torch;

/// <summary>How a <see cref="TorchDevice"/> computes.</summary>
public sealed record TorchOptions
{
    /// <summary>
    /// Whether products with 16-bit weights are made in 16 bits: inputs are rounded to the weights' format and so are the products (sums inside are F32). That is what the
    /// matrix units of a GPU are fast at, and what other servers do. False widens the weights and multiplies in F32, which costs memory traffic; null is true on CUDA and false
    /// on the processor. F32 and 8-bit weights are multiplied in F32 either way.
    /// </summary>
    public bool? HalfProducts { get; init; }

    /// <summary>Threads of libtorch's own pool on the processor, for the whole process; null leaves them as they are.</summary>
    public int? Threads { get; init; }
}
