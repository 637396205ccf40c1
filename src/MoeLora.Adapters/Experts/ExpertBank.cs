using MoeLora.Models;
using MoeLora.Tensors;

namespace MoeLora.Adapters.Experts;

/// <summary>The experts of all adapted layers, on the host in F32 as they were loaded. Immutable.</summary>
public sealed class ExpertBank
{
    private readonly AdaptedModule[] _modules;

    /// <summary>Creates a bank.</summary>
    /// <param name="modules">At least one, in the base model's execution order, all of one rank.</param>
    /// <param name="expertCount">N; the rank is a multiple of it.</param>
    /// <param name="alpha">α.</param>
    /// <param name="rankStabilized">Whether the scaling is α/√r instead of α/r (PEFT's use_rslora).</param>
    /// <exception cref="ArgumentException">No modules, several ranks, a rank that N does not divide, or a module twice.</exception>
    public ExpertBank(IReadOnlyList<AdaptedModule> modules, int expertCount, double alpha, bool rankStabilized = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(expertCount);
        if (!double.IsFinite(alpha))
            throw new ArgumentOutOfRangeException(nameof(alpha), alpha, "Alpha must be finite.");
        _modules = [.. modules];
        if (_modules.Length == 0)
            throw new ArgumentException("A bank needs at least one module.", nameof(modules));
        Rank = _modules[0].Rank;
        for (int i = 0; i < _modules.Length; i++)
        {
            if (_modules[i].Rank != Rank)
                throw new ArgumentException($"{_modules[i].Module.Name} has rank {_modules[i].Rank}, {_modules[0].Module.Name} has {Rank}.", nameof(modules));
            if (i > 0 && _modules[i].Module.Index <= _modules[i - 1].Module.Index)
                throw new ArgumentException($"{_modules[i].Module.Name} is there twice or out of order.", nameof(modules));
        }

        if (Rank % expertCount != 0)
            throw new ArgumentException($"Rank {Rank} is not a multiple of {expertCount} experts.", nameof(expertCount));
        ExpertCount = expertCount;
        Alpha = alpha;
        RankStabilized = rankStabilized;
    }

    /// <summary>Adapted modules in execution order.</summary>
    public IReadOnlyList<AdaptedModule> Modules => _modules;

    /// <summary>N.</summary>
    public int ExpertCount { get; }

    /// <summary>r over all experts.</summary>
    public int Rank { get; }

    /// <summary>r / N.</summary>
    public int ExpertRank => Rank / ExpertCount;

    /// <summary>α.</summary>
    public double Alpha { get; }

    /// <summary>Whether the scaling is α/√r.</summary>
    public bool RankStabilized { get; }

    /// <summary>α / r, or α / √r when <see cref="RankStabilized"/>.</summary>
    public double Scaling => RankStabilized ? Alpha / Math.Sqrt(Rank) : Alpha / Rank;

    /// <summary>Parameters of all experts.</summary>
    public long ParameterCount => _modules.Sum(m => m.ParameterCount);

    /// <summary>Whether no module changes anything: a bank that was never trained.</summary>
    public bool IsZero => Scaling == 0 || _modules.All(m => m.IsZero);

    /// <summary>Copies the bank to the model's device, to be served in shared form.</summary>
    /// <param name="model">The base model that the bank was read for.</param>
    /// <param name="gatePerModule">Whether every adapted module reads a gate vector of its own, in the order of <see cref="Modules"/>.</param>
    /// <param name="format">How A and B are kept, not Q8; by default F32 when the model's weights are F32, else BF16.</param>
    /// <exception cref="ArgumentException">The model's modules are not those that the bank was read for, or the format is Q8.</exception>
    public DeviceBank ToDevice(CausalModel model, bool gatePerModule, DType? format = null) =>
        ToDeviceAsync(model, gatePerModule, format, DeviceTurns.Inline, CancellationToken.None).GetAwaiter().GetResult();

    /// <summary>As <see cref="ToDevice"/>, in pieces of one module.</summary>
    internal Task<DeviceBank> ToDeviceAsync(CausalModel model, bool gatePerModule, DType? format, DeviceTurn turn, CancellationToken cancellation)
    {
        RequireSameModules(model);
        if (format == DType.Q8)
            throw new ArgumentException("An expert bank is kept in f32, f16 or bf16: the rows of B are too short for 8-bit blocks.", nameof(format));
        DType kept = format ?? (model.WeightFormat == DType.F32 ? DType.F32 : DType.BF16);
        return DeviceBank.UploadAsync(this, model, gatePerModule, kept, turn, cancellation);
    }

    /// <summary>Throws when the model's modules are not those that the bank was read for.</summary>
    internal void RequireSameModules(CausalModel model)
    {
        foreach (AdaptedModule adapted in _modules)
        {
            LinearModule wanted = adapted.Module;
            if (wanted.Index >= model.LinearModules.Count || model.LinearModules[wanted.Index] != wanted)
                throw new ArgumentException($"The adapter was read for another model: {wanted.Name} is not its module {wanted.Index} of [{wanted.OutFeatures}, {wanted.InFeatures}].", nameof(model));
        }
    }
}
