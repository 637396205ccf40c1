using MoeLora.Models;

namespace MoeLora.Adapters.Experts;

/// <summary>The experts of one adapted dense layer, stacked: A holds all A_i below each other, B all B_i side by side. Immutable.</summary>
public sealed class AdaptedModule
{
    private readonly float[] _a;
    private readonly float[] _b;

    /// <summary>Takes ownership of the arrays.</summary>
    /// <param name="module">The layer of the base model.</param>
    /// <param name="rank">r over all experts.</param>
    /// <param name="a">[r, in] row-major: rows i·r/N … belong to expert i.</param>
    /// <param name="b">[out, r] row-major: columns i·r/N … belong to expert i.</param>
    /// <exception cref="ArgumentException">The sizes do not fit the layer.</exception>
    public AdaptedModule(LinearModule module, int rank, float[] a, float[] b)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rank);
        if (a.Length != (long)rank * module.InFeatures)
            throw new ArgumentException($"{a.Length} elements are not [{rank}, {module.InFeatures}] for {module.Name}.", nameof(a));
        if (b.Length != (long)module.OutFeatures * rank)
            throw new ArgumentException($"{b.Length} elements are not [{module.OutFeatures}, {rank}] for {module.Name}.", nameof(b));
        Module = module;
        Rank = rank;
        _a = a;
        _b = b;
    }

    /// <summary>The layer of the base model.</summary>
    public LinearModule Module { get; }

    /// <summary>r over all experts.</summary>
    public int Rank { get; }

    /// <summary>[r, in].</summary>
    public ReadOnlySpan<float> A => _a;

    /// <summary>[out, r].</summary>
    public ReadOnlySpan<float> B => _b;

    /// <summary>Parameters of A and B.</summary>
    public long ParameterCount => _a.LongLength + _b.LongLength;

    /// <summary>Whether A or B is all zeros, so that the module changes nothing for any task.</summary>
    public bool IsZero => !A.ContainsAnyExcept(0f) || !B.ContainsAnyExcept(0f);

    /// <summary>A_i, [r/N, in].</summary>
    internal ReadOnlySpan<float> ExpertA(int expert, int expertRank) =>
        _a.AsSpan(expert * expertRank * Module.InFeatures, expertRank * Module.InFeatures);

    /// <summary>B_i, [out, r/N], copied out of B's columns.</summary>
    internal float[] ExpertB(int expert, int expertRank)
    {
        float[] result = new float[Module.OutFeatures * expertRank];
        for (int row = 0; row < Module.OutFeatures; row++)
            _b.AsSpan(row * Rank + expert * expertRank, expertRank).CopyTo(result.AsSpan(row * expertRank));
        return result;
    }
}
