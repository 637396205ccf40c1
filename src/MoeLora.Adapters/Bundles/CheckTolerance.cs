using MoeLora.Tensors;

namespace MoeLora.Adapters.Bundles;

/// <summary>How far logits may be from those that were computed with F32 weights in shared form.</summary>
internal static class CheckTolerance
{
    /// <summary>
    /// The largest difference of a logit that is allowed, as a share of the standard deviation of its row's logits: what rounding does to
    /// logits grows with them. The largest shares measured on the CPU, in both forms, over the three reference packs (width 64) and random
    /// models of width 256 with 6 layers and of Qwen2-0.5B's shape: f32 2e-5, f16 0.032, bf16 0.041, q8 0.21. Allowed is twice that; in f32
    /// fifty times, so that a device that sums in another order passes. The packs' tasks differ from each other by at least 1.1.
    /// </summary>
    public static double Share(DType weights) => weights switch
    {
        DType.F32 => 1e-3,
        DType.F16 => 0.08, // the bank is in bf16 beside weights in f16, so that they do as well as each other
        DType.BF16 => 0.08,
        DType.Q8 => 0.4,
        _ => throw new ArgumentOutOfRangeException(nameof(weights), weights, "Unknown dtype."),
    };
}
