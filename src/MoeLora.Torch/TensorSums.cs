using TorchSharp;

namespace MoeLora.Torch;

/// <summary>
/// Sums without a scalar that nobody holds. TorchSharp's own make one for each call, a factor of 1, which its finalizer may free while the native call still reads it; the result
/// is an error now and then, when the collector runs. So neither they, nor numbers given for a <see cref="Scalar"/>, are used in this room.
/// </summary>
internal static class TensorSums
{
    private static readonly Scalar One = 1L.ToScalar();

    /// <summary>a + b.</summary>
    public static torch.Tensor Plus(this torch.Tensor a, torch.Tensor b) => a.add(b, One);

    /// <summary>a += b.</summary>
    public static torch.Tensor Increase(this torch.Tensor a, torch.Tensor b) => a.add_(b, One);

    /// <summary>a += factor · b.</summary>
    public static torch.Tensor Increase(this torch.Tensor a, torch.Tensor b, Scalar factor) => a.add_(b, factor);

    /// <summary>a += a number.</summary>
    public static torch.Tensor Increase(this torch.Tensor a, Scalar number) => a.add_(number, One);
}
